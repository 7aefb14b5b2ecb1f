//! The first module in two: what the first paint runs, and the rest, which is fetched right after it.
//!
//! Which functions the first paint runs was recorded (see [`crate::profile`]); all others go to the rest, with the
//! constants that only they use. Nothing in the sources says so, and nothing behaves differently: a function of the rest
//! that is called before the rest has come is waited for.
//!
//! Both modules have the same memory and the same tables. A function that the other module calls has a place in the
//! table of functions, and a call across goes through it. In the first module every call through the table looks first
//! whether the function is there; as soon as the rest is, that is one look at a global variable.

use crate::module::{Module, constant};
use crate::names::Names;
use crate::pieces::{Pieces, image};
use crate::relocations::Constants;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction,
    MemorySection, StartSection, TableSection, TypeSection, ValType,
};
use wasmparser::{ElementItems, ElementKind, ExternalKind, Operator};

/// Under which names the loader finds things; see `loader.js`.
pub(crate) const LOADER: &str = "rest";
const LOAD: &str = "load";
const FUNCTIONS: &str = "f";
const SHARED: &str = "s";
const TABLE: &str = "t";
const WHOLE: &str = "whole";

/// The table that functions are called through.
const CALLS: u32 = 0;

/// The two modules.
pub(crate) struct Stages {
    /// Starts the page.
    pub(crate) first: Vec<u8>,
    /// Everything else.
    pub(crate) rest: Vec<u8>,
}

/// Divides `module`. `is_later` says of a function's name whether the first paint does without it.
pub(crate) fn divide(
    module: &Module<'_>,
    is_later: impl Fn(&str) -> bool,
    constants: &Constants,
    names: &Names,
) -> Result<Stages> {
    let plan = Plan::new(module, |function| module.name(function).is_some_and(&is_later))?;
    let functions = plan.first.iter().filter_map(|function| module.name(*function));
    let needed = constants.needed_by(functions);
    let is_first = |constant: &Range<u32>| constant.is_empty() || needed.contains(&constant.start);
    let first_data = image(&module.data, is_first, constants.all());
    let rest_data = image(&module.data, |constant| !is_first(constant), constants.all());
    Ok(Stages {
        first: first(module, &plan, &first_data.joined(), names)?,
        rest: rest(module, &plan, &rest_data, names)?,
    })
}

/// Which function goes where.
struct Plan {
    /// Those with a body in the first module, and in the rest.
    first: Vec<u32>,
    rest: Vec<u32>,
    /// Imports that each of them uses.
    first_imports: Vec<u32>,
    rest_imports: Vec<u32>,
    /// Functions of the first module that the rest calls.
    shared: BTreeSet<u32>,
    /// Globals that the rest uses.
    globals: BTreeSet<u32>,
    /// Types of the calls through the table in the first module.
    calls: BTreeSet<u32>,
    /// Places in the table, and the functions in them; the other way round.
    table: BTreeMap<u32, u32>,
    slots: HashMap<u32, u32>,
    /// The table's size, with the places that were added.
    table_len: u32,
}

impl Plan {
    fn new(module: &Module<'_>, is_later: impl Fn(u32) -> bool) -> Result<Self> {
        // What JavaScript calls must be there when it does.
        let mut kept: BTreeSet<u32> = module.start.into_iter().collect();
        kept.extend(
            module.exports.iter().filter(|e| e.kind == ExternalKind::Func).map(|export| export.index),
        );
        let (rest, first) = module.defined().map(|(f, _)| f).partition(|f| !kept.contains(f) && is_later(*f));
        let mut plan = Plan {
            first,
            rest,
            first_imports: Vec::new(),
            rest_imports: Vec::new(),
            shared: BTreeSet::new(),
            globals: BTreeSet::new(),
            calls: BTreeSet::new(),
            table: table(module)?,
            slots: HashMap::new(),
            table_len: u32::try_from(module.tables.first().context("no table")?.initial)?,
        };
        let wanted = plan.look(module, kept)?;
        plan.slots = plan.table.iter().map(|(slot, function)| (*function, *slot)).collect();
        for function in wanted {
            if !plan.slots.contains_key(&function) {
                plan.table.insert(plan.table_len, function);
                plan.slots.insert(function, plan.table_len);
                plan.table_len += 1;
            }
        }
        Ok(plan)
    }

    /// Reads all code; returns the functions that must have a place in the table.
    fn look(&mut self, module: &Module<'_>, kept: BTreeSet<u32>) -> Result<BTreeSet<u32>> {
        let imports = module.first_defined();
        let rest: BTreeSet<u32> = self.rest.iter().copied().collect();
        let (mut wanted, mut first_imports, mut rest_imports) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        first_imports.extend(kept.into_iter().filter(|f| *f < imports));
        first_imports.extend(self.table.values().filter(|f| **f < imports));
        for (function, body) in module.defined() {
            let is_rest = rest.contains(&function);
            for operator in body.get_operators_reader()? {
                match operator? {
                    Operator::Call { function_index: callee }
                    | Operator::RefFunc { function_index: callee }
                        if callee < imports =>
                    {
                        if is_rest {
                            rest_imports.insert(callee)
                        } else {
                            first_imports.insert(callee)
                        };
                    }
                    Operator::Call { function_index: callee } if is_rest != rest.contains(&callee) => {
                        wanted.insert(callee);
                        if is_rest {
                            self.shared.insert(callee);
                        } else {
                            self.calls.insert(module.type_of(callee)?);
                        }
                    }
                    Operator::RefFunc { function_index } if is_rest != rest.contains(&function_index) => {
                        bail!("a reference to a function of the other module")
                    }
                    Operator::CallIndirect { type_index, table_index: CALLS } if !is_rest => {
                        self.calls.insert(type_index);
                    }
                    Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index }
                        if is_rest =>
                    {
                        self.globals.insert(global_index);
                    }
                    Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => bail!("a tail call"),
                    _ => {}
                }
            }
        }
        self.first_imports = first_imports.into_iter().collect();
        self.rest_imports = rest_imports.into_iter().collect();
        Ok(wanted)
    }
}

/// What is in the table of functions from the beginning.
fn table(module: &Module<'_>) -> Result<BTreeMap<u32, u32>> {
    let mut table = BTreeMap::new();
    for element in &module.elements {
        let ElementKind::Active { table_index: None | Some(CALLS), offset_expr } = &element.kind else {
            bail!("elements that are not the table of functions")
        };
        let mut slot = constant(offset_expr)?;
        match &element.items {
            ElementItems::Functions(functions) => {
                for function in functions.clone() {
                    table.insert(slot, function?);
                    slot += 1;
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions.clone() {
                    if let Operator::RefFunc { function_index } = expression?.get_operators_reader().read()? {
                        table.insert(slot, function_index);
                    }
                    slot += 1;
                }
            }
        }
    }
    Ok(table)
}

/// Numbers of functions and globals in the new module.
struct Renumber<'p> {
    plan: &'p Plan,
    functions: HashMap<u32, u32>,
    globals: HashMap<u32, u32>,
    /// By type: what calls through the table. Empty in the rest, where it needs no help.
    calls: HashMap<u32, u32>,
}

impl Reencode for Renumber<'_> {
    type Error = anyhow::Error;

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
    fn body(&mut self, module: &Module<'_>, function: u32, code: &mut CodeSection) -> Result<()> {
        let body = module.body(function).context("a function without a body")?;
        let mut written = ours(self.new_function_with_parsed_locals(body))?;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            match operator {
                Operator::Call { function_index } if !self.functions.contains_key(&function_index) => {
                    let slot = self.plan.slots.get(&function_index).context("a function without a place")?;
                    written.instruction(&Instruction::I32Const(slot.cast_signed()));
                    self.call(&mut written, module.type_of(function_index)?)?;
                }
                Operator::CallIndirect { type_index, table_index: CALLS } => {
                    self.call(&mut written, type_index)?
                }
                _ => {
                    written.instruction(&ours(self.instruction(operator))?);
                }
            }
        }
        code.function(&written);
        Ok(())
    }

    /// Calls what the place on the stack holds.
    fn call(&self, written: &mut Function, ty: u32) -> Result<()> {
        match self.calls.get(&ty) {
            Some(helper) => written.instruction(&Instruction::Call(*helper)),
            None if self.calls.is_empty() => {
                written.instruction(&Instruction::CallIndirect { type_index: ty, table_index: CALLS })
            }
            None => bail!("a call of a type that was not seen"),
        };
        Ok(())
    }
}

fn ours<T>(result: Result<T, reencode::Error<anyhow::Error>>) -> Result<T> {
    result.map_err(|error| anyhow!("{error}"))
}

/// The module that starts the page.
fn first(module: &Module<'_>, plan: &Plan, data: &Pieces, names: &Names) -> Result<Vec<u8>> {
    let load = u32::try_from(plan.first_imports.len())?;
    let bodies = load + 1;
    let is_there = bodies + u32::try_from(plan.first.len())?;
    let old = plan.first_imports.iter().copied().zip(0..).chain(plan.first.iter().copied().zip(bodies..));
    let whole = u32::try_from(module.globals.len())?;
    let mut renumber = Renumber {
        plan,
        functions: old.collect(),
        globals: (0..whole).map(|global| (global, global)).collect(),
        calls: plan.calls.iter().copied().zip(is_there + 1..).collect(),
    };
    let mut types = types(module)?;
    let load_type = u32::try_from(module.types.len())?;
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    let mut imports = ImportSection::new();
    for function in &plan.first_imports {
        import(&mut imports, module, *function, names)?;
    }
    imports.import(LOADER, LOAD, EntityType::Function(load_type));
    let mut functions = FunctionSection::new();
    for function in &plan.first {
        functions.function(module.type_of(*function)?);
    }
    functions.function(load_type + 1);
    let mut code = CodeSection::new();
    for function in &plan.first {
        renumber.body(module, *function, &mut code)?;
    }
    code.function(&look(load));
    for (at, ty) in (0..).zip(&plan.calls) {
        let signature = module.types.get(*ty as usize).context("no such type")?;
        let mut params = ours(renumber.val_types(signature.params().to_vec()))?;
        params.push(ValType::I32);
        types.ty().function(params, ours(renumber.val_types(signature.results().to_vec()))?);
        functions.function(load_type + 2 + at);
        code.function(&call(*ty, u32::try_from(signature.params().len())?, whole, is_there));
    }

    let mut written = wasm_encoder::Module::new();
    written.section(&types).section(&imports).section(&functions).section(&tables(
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
    written.section(&elements(plan, &renumber.functions)).section(&code);
    written.section(&section_of(data));
    Ok(written.finish())
}

/// Whether the function at a place in the table is there; loads the rest if it is not.
fn look(load: u32) -> Function {
    let mut function = Function::new([]);
    for instruction in [
        Instruction::LocalGet(0),
        Instruction::TableGet(CALLS),
        Instruction::RefIsNull,
        Instruction::If(BlockType::Empty),
        Instruction::Call(load),
        Instruction::End,
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
fn rest(module: &Module<'_>, plan: &Plan, data: &Pieces, names: &Names) -> Result<Vec<u8>> {
    let mut imports = ImportSection::new();
    for function in &plan.rest_imports {
        import(&mut imports, module, *function, names)?;
    }
    for function in &plan.shared {
        let slot = plan.slots.get(function).context("a function without a place")?;
        imports.import(FUNCTIONS, &slot.to_string(), EntityType::Function(module.type_of(*function)?));
    }
    let shared = u32::try_from(plan.rest_imports.len())?;
    let bodies = shared + u32::try_from(plan.shared.len())?;
    let old = plan.rest_imports.iter().copied().zip(0..).chain(plan.shared.iter().copied().zip(shared..));
    let mut renumber = Renumber {
        plan,
        functions: old.chain(plan.rest.iter().copied().zip(bodies..)).collect(),
        globals: plan.globals.iter().copied().zip(0..).collect(),
        calls: HashMap::new(),
    };
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
    for function in &plan.rest {
        functions.function(module.type_of(*function)?);
        renumber.body(module, *function, &mut code)?;
    }
    let own: HashMap<u32, u32> = plan.rest.iter().copied().zip(bodies..).collect();
    let mut written = wasm_encoder::Module::new();
    written
        .section(&types(module)?)
        .section(&imports)
        .section(&functions)
        .section(&elements(plan, &own))
        .section(&code);
    written.section(&section_of(data));
    Ok(written.finish())
}

fn types(module: &Module<'_>) -> Result<TypeSection> {
    let mut types = TypeSection::new();
    for ty in &module.types {
        let ty = reencode::RoundtripReencoder.func_type(ty.clone()).map_err(|error| anyhow!("{error}"))?;
        types.ty().func_type(&ty);
    }
    Ok(types)
}

fn import(imports: &mut ImportSection, module: &Module<'_>, function: u32, names: &Names) -> Result<()> {
    let import = module.imports.get(function as usize).context("no such import")?;
    let (from, name) = names.import(import.module, import.name);
    imports.import(from, name, EntityType::Function(module.type_of(function)?));
    Ok(())
}

fn table_types(
    module: &Module<'_>,
    plan: &Plan,
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

fn tables(module: &Module<'_>, plan: &Plan, renumber: &mut Renumber<'_>) -> Result<TableSection> {
    let mut tables = TableSection::new();
    for table in table_types(module, plan, renumber)? {
        tables.table(table);
    }
    Ok(tables)
}

/// What there was, and what the rest takes.
fn exports(
    module: &Module<'_>,
    plan: &Plan,
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

/// The places in the table that these functions have.
fn elements(plan: &Plan, functions: &HashMap<u32, u32>) -> ElementSection {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for (slot, function) in &plan.table {
        let Some(function) = functions.get(function) else { continue };
        match runs.last_mut() {
            Some((start, run)) if *start as usize + run.len() == *slot as usize => run.push(*function),
            _ => runs.push((*slot, vec![*function])),
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
