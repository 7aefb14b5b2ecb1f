use super::*;
use crate::plan::table;
use crate::profile::Later;
use wasm_encoder::{NameMap, NameSection, TableType};
use wasmparser::{ExternalKind, Parser, Payload};

/// `start` calls `later` and `both`; `later` calls `both`, `alone` and JavaScript.
fn program() -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("./tabmq_bg.js", "__wbg_now_0123", EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(0).function(0).function(0).function(0);
    let mut tables = TableSection::new();
    let element_type = wasm_encoder::RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 2, maximum: Some(2), shared: false });
    let mut memories = MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("start", ExportKind::Func, 1);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(1), Elements::Functions((&[2]).into()));
    let mut code = CodeSection::new();
    // Long enough not to be copied.
    let both = vec![[Instruction::I32Const(7), Instruction::Drop]; 100].concat();
    let add = Instruction::I32Add;
    let calls: [&[Instruction<'_>]; 4] = [
        &[Instruction::Call(2), Instruction::Call(3), add.clone()],
        &[Instruction::Call(3), Instruction::Call(0), add.clone(), Instruction::Call(4), add],
        &[both.as_slice(), &[Instruction::I32Const(7)]].concat(),
        &[Instruction::I32Const(8)],
    ];
    for instructions in calls {
        let mut function = Function::new([]);
        for instruction in instructions {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        code.function(&function);
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(16), *b"constant");
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&exports).section(&elements).section(&code).section(&data);
    let mut names = NameMap::new();
    names.append(1, "start");
    names.append(2, "later");
    names.append(3, "both");
    names.append(4, "alone");
    let mut section = NameSection::new();
    section.functions(&names);
    module.section(&section);
    module.finish()
}

fn imports(module: &[u8]) -> Vec<String> {
    let payloads = Parser::new(0).parse_all(module).map(Result::unwrap);
    let sections = payloads.filter_map(|payload| match payload {
        Payload::ImportSection(imports) => Some(imports),
        _ => None,
    });
    let imports = sections.flat_map(|imports| imports.into_imports().map(Result::unwrap));
    imports.map(|import| format!("{}.{}", import.module, import.name)).collect()
}

#[test]
fn functions_are_called_across() {
    let program = program();
    let module = Module::parse(&program).unwrap();
    let names = Names::new(&module, "wasm.start()", Vec::new());
    let later = Later::functions(["later"]);
    let stages = divide(
        &module,
        &Plan::new(&module, &later, &Constants::default(), "wasm.start()").unwrap(),
        &Constants::default(),
        &names,
    )
    .unwrap();
    for module in [&stages.first, &stages.rest] {
        wasmparser::validate(module).unwrap();
    }
    assert_eq!(imports(&stages.first), ["rest.load"], "JavaScript is called by the rest alone");
    // `both` has the place behind those that there were.
    assert_eq!(imports(&stages.rest), ["j.0", "f.2", "s.m0", "s.t0"]);
    let first = Module::parse(&stages.first).unwrap();
    let exports: Vec<_> = first.exports.iter().map(|export| export.name).collect();
    assert_eq!(exports, ["e0", "m0", "t0", WHOLE]);
    assert_eq!(first.defined().count(), 3, "nothing leads to `alone`; the third looks at the table");
    assert_eq!(first.data.len(), 1, "a constant that nobody is known to need stays");
    assert_eq!(
        table(&Module::parse(&stages.first).unwrap().elements).unwrap().keys().copied().collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn what_javascript_calls_stays() {
    let program = program();
    let module = Module::parse(&program).unwrap();
    let names = Names::new(&module, "wasm.start()", Vec::new());
    let later = Later::functions(["start", "later", "both"]);
    let stages = divide(
        &module,
        &Plan::new(&module, &later, &Constants::default(), "wasm.start()").unwrap(),
        &Constants::default(),
        &names,
    )
    .unwrap();
    wasmparser::validate(&stages.first).unwrap();
    let first = Module::parse(&stages.first).unwrap();
    assert!(first.exports.iter().any(|export| export.kind == ExternalKind::Func));
}
