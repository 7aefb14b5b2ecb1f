//! The first module in two: what the first paint runs, and the rest, which is fetched right after it.
//!
//! Which code the first paint runs was recorded (see [`crate::profile`]): functions that it does not run go to the rest, so
//! do parts of functions (see [`crate::outline`]), and the constants that only they use. Nothing in the sources says so, and
//! nothing behaves differently: a function of the rest that is called before the rest has come is waited for.
//!
//! Both modules have the same memory and the same tables. A function that the other module calls has a place in the
//! table of functions, and a call across goes through it. In the first module every call through the table looks first
//! whether the function is there; as soon as the rest is, that is one look at a global variable where a function does
//! the call, and one at the table where the call is of a seldom type.

use crate::module::Module;
use crate::names::Names;
use crate::pieces::{Pieces, image};
use crate::plan::{CALLS, Outline, Plan};
use crate::relocations::Constants;
use anyhow::{Context, Result, anyhow};
use std::collections::HashMap;
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction,
    MemorySection, StartSection, TableSection, TypeSection, ValType,
};
use wasmparser::{FuncType, Operator};

/// Under which names the loader finds things; see `loader.js`.
pub(crate) const LOADER: &str = "rest";
const LOAD: &str = "load";
const FUNCTIONS: &str = "f";
const SHARED: &str = "s";
const TABLE: &str = "t";
const WHOLE: &str = "whole";

/// The two modules.
pub(crate) struct Stages {
    /// Starts the page.
    pub(crate) first: Vec<u8>,
    /// Everything else.
    pub(crate) rest: Vec<u8>,
}

/// Divides `module` as it is planned.
pub(crate) fn divide(
    module: &Module<'_>,
    plan: &Plan<'_>,
    constants: &Constants,
    names: &Names,
) -> Result<Stages> {
    let needed = &plan.needed.constants;
    let is_first = |constant: &Range<u32>| constant.is_empty() || needed.contains(&constant.start);
    let first_data = image(&module.data, is_first, constants.all());
    let rest_data = image(&module.data, |constant| !is_first(constant), constants.all());
    Ok(Stages {
        first: first(module, plan, &first_data.joined(), names)?,
        rest: rest(module, plan, &rest_data, names)?,
    })
}

/// Numbers of functions and globals in the new module.
struct Renumber<'p> {
    plan: &'p Plan<'p>,
    functions: HashMap<u32, u32>,
    globals: HashMap<u32, u32>,
    /// By type: what calls through the table, where that is done often.
    calls: HashMap<u32, u32>,
    /// What makes sure that a function is there. None in the rest, where all are.
    is_there: Option<u32>,
    /// The types that are used.
    types: Types,
}

/// The types of a module, each once.
#[derive(Default)]
struct Types(Vec<FuncType>);

impl Types {
    /// The type's number.
    fn number(&mut self, ty: FuncType) -> Result<u32> {
        let known = self.0.iter().position(|known| *known == ty);
        if known.is_none() {
            self.0.push(ty);
        }
        Ok(u32::try_from(known.unwrap_or(self.0.len() - 1))?)
    }

    fn section(&self) -> Result<TypeSection> {
        let mut section = TypeSection::new();
        for ty in &self.0 {
            let ty =
                reencode::RoundtripReencoder.func_type(ty.clone()).map_err(|error| anyhow!("{error}"))?;
            section.ty().func_type(&ty);
        }
        Ok(section)
    }
}

impl Reencode for Renumber<'_> {
    type Error = anyhow::Error;

    fn type_index(&mut self, ty: u32) -> Result<u32, reencode::Error<anyhow::Error>> {
        let known = self.plan.types.get(ty as usize).with_context(|| format!("no type {ty}"));
        known.and_then(|known| self.types.number(known.clone())).map_err(reencode::Error::UserError)
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<anyhow::Error>> {
        let error = || reencode::Error::UserError(anyhow!("function {function} is in the other module"));
        self.functions.get(&function).copied().ok_or_else(error)
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<anyhow::Error>> {
        let error = || reencode::Error::UserError(anyhow!("global {global} is in the other module"));
        self.globals.get(&global).copied().ok_or_else(error)
    }
}

impl Renumber<'_> {
    /// The number of a function's type.
    fn type_of(&mut self, module: &Module<'_>, function: u32) -> Result<u32> {
        ours(self.type_index(module.type_of(function)?))
    }

    fn body(&mut self, module: &Module<'_>, function: u32) -> Result<Function> {
        let body = module.body(function).context("a function without a body")?;
        let mut written = ours(self.new_function_with_parsed_locals(body))?;
        for operator in body.get_operators_reader()? {
            self.operator(module, operator?, &mut written)?;
        }
        Ok(written)
    }

    /// A function without its parts that are elsewhere.
    fn outlined(&mut self, module: &Module<'_>, function: u32, outline: &Outline<'_>) -> Result<Function> {
        let flow = &outline.flow;
        let ty = module.types.get(module.type_of(function)? as usize).context("no such type")?;
        let all = u32::try_from(flow.locals.len())?;
        let mut locals: Vec<_> = flow.locals.iter().skip(ty.params().len()).copied().collect();
        // For what the function returns, where a part may return or not.
        let kept: Vec<u32> = (all..).take(flow.results.len()).collect();
        if outline.parts.iter().any(|(part, ..)| part.keeps_results()) {
            locals.extend(&flow.results);
        }
        let mut written = Function::new_with_locals_types(ours(self.val_types(locals))?);
        let mut left_out: Vec<_> = outline
            .parts
            .iter()
            .flat_map(|part| part.0.left_out().into_iter().map(move |range| (range, part)))
            .collect();
        left_out.sort_by_key(|(range, _)| range.start);
        let mut left_out = left_out.into_iter().peekable();
        let mut behind = 0;
        for (at, operator) in flow.operators.iter().enumerate() {
            if let Some((range, (part, function, ty))) = left_out.next_if(|(range, _)| range.start == at) {
                behind = range.end;
                if part.place() == at {
                    let slot = self.plan.slots.get(function).context("a part without a place")?;
                    part.write_call(flow, &kept, &mut written, |written| {
                        written.instruction(&Instruction::I32Const(slot.cast_signed()));
                        self.call(written, *ty)
                    })?;
                }
            }
            if at < behind {
                continue;
            }
            match outline.table(at, operator)? {
                Some(table) => drop(written.instruction(&table)),
                None => self.operator(module, operator.clone(), &mut written)?,
            }
        }
        Ok(written)
    }

    fn operator(
        &mut self,
        module: &Module<'_>,
        operator: Operator<'_>,
        written: &mut Function,
    ) -> Result<()> {
        match operator {
            Operator::Call { function_index } if !self.functions.contains_key(&function_index) => {
                let slot = self.plan.slots.get(&function_index).context("a function without a place")?;
                written.instruction(&Instruction::I32Const(slot.cast_signed()));
                self.call(written, module.type_of(function_index)?)
            }
            Operator::CallIndirect { type_index, table_index: CALLS } => self.call(written, type_index),
            _ => {
                written.instruction(&ours(self.instruction(operator))?);
                Ok(())
            }
        }
    }

    /// Calls what the place on the stack holds.
    fn call(&mut self, written: &mut Function, ty: u32) -> Result<()> {
        if let Some(helper) = self.calls.get(&ty) {
            written.instruction(&Instruction::Call(*helper));
            return Ok(());
        }
        if let Some(is_there) = self.is_there {
            written.instruction(&Instruction::Call(is_there));
        }
        let type_index = ours(self.type_index(ty))?;
        written.instruction(&Instruction::CallIndirect { type_index, table_index: CALLS });
        Ok(())
    }
}

fn ours<T>(result: Result<T, reencode::Error<anyhow::Error>>) -> Result<T> {
    result.map_err(|error| anyhow!("{error}"))
}

/// The module that starts the page.
fn first(module: &Module<'_>, plan: &Plan<'_>, data: &Pieces, names: &Names) -> Result<Vec<u8>> {
    let load = u32::try_from(plan.first_imports.len())?;
    let bodies = load + 1;
    let is_there = bodies + u32::try_from(plan.first.len())?;
    let old = plan.first_imports.iter().copied().zip(0..).chain(plan.first.iter().copied().zip(bodies..));
    let whole = u32::try_from(module.globals.len())?;
    let mut renumber = Renumber {
        plan,
        functions: old.collect(),
        globals: (0..whole).map(|global| (global, global)).collect(),
        calls: plan.helpers().zip(is_there + 1..).collect(),
        is_there: Some(is_there),
        types: Types::default(),
    };
    let mut imports = ImportSection::new();
    for function in &plan.first_imports {
        import(&mut imports, module, *function, names, &mut renumber)?;
    }
    let load_type = renumber.types.number(FuncType::new([], []))?;
    imports.import(LOADER, LOAD, EntityType::Function(load_type));
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for function in &plan.first {
        functions.function(renumber.type_of(module, *function)?);
        code.function(&match plan.outlines.get(function) {
            Some(outline) => renumber.outlined(module, *function, outline)?,
            None => renumber.body(module, *function)?,
        });
    }
    let place = wasmparser::ValType::I32;
    functions.function(renumber.types.number(FuncType::new([place], [place]))?);
    code.function(&look(load));
    for ty in plan.helpers() {
        let signature = plan.types.get(ty as usize).context("no such type")?;
        let params = signature.params().iter().copied().chain([place]);
        let results = signature.results().iter().copied();
        functions.function(renumber.types.number(FuncType::new(params, results))?);
        let ty = ours(renumber.type_index(ty))?;
        code.function(&call(ty, u32::try_from(signature.params().len())?, whole, is_there));
    }

    let mut written = wasm_encoder::Module::new();
    written.section(&renumber.types.section()?).section(&imports).section(&functions).section(&tables(
        module,
        plan,
        &mut renumber,
    )?);
    let mut memories = MemorySection::new();
    for memory in &module.memories {
        memories.memory(ours(renumber.memory_type(*memory))?);
    }
    let mut globals = GlobalSection::new();
    for global in &module.globals {
        ours(renumber.parse_global(&mut globals, global.clone()))?;
    }
    globals.global(
        GlobalType { val_type: ValType::I32, mutable: true, shared: false },
        &ConstExpr::i32_const(0),
    );
    written.section(&memories).section(&globals).section(&exports(
        module,
        plan,
        &mut renumber,
        whole,
        names,
    )?);
    if let Some(start) = module.start {
        written.section(&StartSection { function_index: ours(renumber.function_index(start))? });
    }
    written
        .section(&elements(plan, |slot, function| match plan.moved.contains(&slot) {
            true => None,
            false => renumber.functions.get(&function).copied(),
        }))
        .section(&code);
    written.section(&section_of(data));
    Ok(written.finish())
}

/// Loads the rest if the function at a place in the table is not there; returns the place.
fn look(load: u32) -> Function {
    let mut function = Function::new([]);
    for instruction in [
        Instruction::LocalGet(0),
        Instruction::TableGet(CALLS),
        Instruction::RefIsNull,
        Instruction::If(BlockType::Empty),
        Instruction::Call(load),
        Instruction::End,
        Instruction::LocalGet(0),
        Instruction::End,
    ] {
        function.instruction(&instruction);
    }
    function
}

/// Calls the function at the place that is the last parameter, with the others.
fn call(ty: u32, params: u32, whole: u32, is_there: u32) -> Function {
    let mut function = Function::new([]);
    for instruction in [
        Instruction::GlobalGet(whole),
        Instruction::I32Eqz,
        Instruction::If(BlockType::Empty),
        Instruction::LocalGet(params),
        Instruction::Call(is_there),
        Instruction::Drop,
        Instruction::End,
    ] {
        function.instruction(&instruction);
    }
    for param in 0..=params {
        function.instruction(&Instruction::LocalGet(param));
    }
    function.instruction(&Instruction::CallIndirect { type_index: ty, table_index: CALLS });
    function.instruction(&Instruction::End);
    function
}

/// Everything else.
fn rest(module: &Module<'_>, plan: &Plan<'_>, data: &Pieces, names: &Names) -> Result<Vec<u8>> {
    let shared = u32::try_from(plan.rest_imports.len())?;
    let bodies = shared + u32::try_from(plan.shared.len())?;
    let old = plan.rest_imports.iter().copied().zip(0..).chain(plan.shared.iter().copied().zip(shared..));
    let all: Vec<u32> = plan.rest.iter().chain(&plan.copied).copied().collect();
    let mut renumber = Renumber {
        plan,
        functions: old.chain(all.iter().copied().zip(bodies..)).collect(),
        globals: plan.globals.iter().copied().zip(0..).collect(),
        calls: HashMap::new(),
        is_there: None,
        types: Types::default(),
    };
    let mut imports = ImportSection::new();
    for function in &plan.rest_imports {
        import(&mut imports, module, *function, names, &mut renumber)?;
    }
    for function in &plan.shared {
        let slot = plan.slots.get(function).context("a function without a place")?;
        imports.import(
            FUNCTIONS,
            &slot.to_string(),
            EntityType::Function(renumber.type_of(module, *function)?),
        );
    }
    for (at, memory) in (0u32..).zip(&module.memories) {
        imports.import(SHARED, &format!("m{at}"), EntityType::Memory(ours(renumber.memory_type(*memory))?));
    }
    for (at, table) in (0u32..).zip(table_types(module, plan, &mut renumber)?) {
        imports.import(SHARED, &format!("{TABLE}{at}"), EntityType::Table(table));
    }
    for global in &plan.globals {
        let ty = module.globals.get(*global as usize).context("no such global")?.ty;
        imports.import(SHARED, &format!("g{global}"), EntityType::Global(ours(renumber.global_type(ty))?));
    }
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in &all {
        functions.function(renumber.type_of(module, *function)?);
        code.function(&renumber.body(module, *function)?);
    }
    let mut own: HashMap<u32, u32> = plan.rest.iter().copied().zip(bodies..).collect();
    for (outline, (part, function, ty)) in
        plan.outlines.values().flat_map(|outline| outline.parts.iter().map(move |part| (outline, part)))
    {
        own.insert(*function, bodies + code.len());
        functions.function(ours(renumber.type_index(*ty))?);
        let value_type = |ty| reencode::RoundtripReencoder.val_type(ty).map_err(|error| anyhow!("{error}"));
        code.function(&part.function(&outline.flow, value_type, |operator, written| {
            renumber.operator(module, operator.clone(), written)
        })?);
    }
    let mut written = wasm_encoder::Module::new();
    written
        .section(&renumber.types.section()?)
        .section(&imports)
        .section(&functions)
        .section(&elements(plan, |slot, function| match plan.moved.contains(&slot) {
            true => renumber.functions.get(&function).copied(),
            false => own.get(&function).copied(),
        }))
        .section(&code);
    written.section(&section_of(data));
    Ok(written.finish())
}

fn import(
    imports: &mut ImportSection,
    module: &Module<'_>,
    function: u32,
    names: &Names,
    renumber: &mut Renumber<'_>,
) -> Result<()> {
    let import = module.imports.get(function as usize).context("no such import")?;
    let (from, name) = names.import(import.module, import.name);
    imports.import(from, name, EntityType::Function(renumber.type_of(module, function)?));
    Ok(())
}

fn table_types(
    module: &Module<'_>,
    plan: &Plan<'_>,
    renumber: &mut Renumber<'_>,
) -> Result<Vec<wasm_encoder::TableType>> {
    let mut types = Vec::new();
    for table in &module.tables {
        types.push(ours(renumber.table_type(*table))?);
    }
    if let Some(calls) = types.first_mut() {
        calls.minimum = plan.table_len.into();
        calls.maximum = calls.maximum.map(|maximum| maximum.max(calls.minimum));
    }
    Ok(types)
}

fn tables(module: &Module<'_>, plan: &Plan<'_>, renumber: &mut Renumber<'_>) -> Result<TableSection> {
    let mut tables = TableSection::new();
    for table in table_types(module, plan, renumber)? {
        tables.table(table);
    }
    Ok(tables)
}

/// What there was, and what the rest takes.
fn exports(
    module: &Module<'_>,
    plan: &Plan<'_>,
    renumber: &mut Renumber<'_>,
    whole: u32,
    names: &Names,
) -> Result<ExportSection> {
    let mut exports = ExportSection::new();
    for export in &module.exports {
        let Some(name) = names.export(export.name, export.kind) else { continue };
        ours(renumber.parse_export(&mut exports, wasmparser::Export { name, ..*export }))?;
    }
    for memory in 0..module.memories.len() {
        exports.export(&format!("m{memory}"), ExportKind::Memory, u32::try_from(memory)?);
    }
    for table in 0..module.tables.len() {
        exports.export(&format!("{TABLE}{table}"), ExportKind::Table, u32::try_from(table)?);
    }
    for global in &plan.globals {
        exports.export(&format!("g{global}"), ExportKind::Global, *global);
    }
    exports.export(WHOLE, ExportKind::Global, whole);
    Ok(exports)
}

/// The places in the table, as far as `number` has a function for them.
fn elements(plan: &Plan<'_>, number: impl Fn(u32, u32) -> Option<u32>) -> ElementSection {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for (slot, function) in &plan.table {
        let Some(function) = number(*slot, *function) else { continue };
        match runs.last_mut() {
            Some((start, run)) if *start as usize + run.len() == *slot as usize => run.push(function),
            _ => runs.push((*slot, vec![function])),
        }
    }
    let mut elements = ElementSection::new();
    for (start, run) in runs {
        elements.active(None, &ConstExpr::i32_const(start.cast_signed()), Elements::Functions(run.into()));
    }
    elements
}

fn section_of(pieces: &Pieces) -> DataSection {
    let mut data = DataSection::new();
    for (address, bytes) in pieces.iter() {
        data.active(0, &ConstExpr::i32_const(address.cast_signed()), bytes.iter().copied());
    }
    data
}

#[cfg(test)]
mod tests;
