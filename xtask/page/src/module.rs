//! A module as what it consists of: borrowed from its bytes, ready to be written again in parts.

use anyhow::{Context, Result, bail};
use std::borrow::Cow;
use std::collections::HashMap;
use wasmparser::{
    ConstExpr, DataKind, Element, Export, FuncType, FunctionBody, Global, Import, KnownCustom, MemoryType,
    Name, Operator, Parser, Payload, TableType, TypeRef,
};

/// How the names of wasm-bindgen's functions before imports end.
const SHIM: &str = "externref shim";

/// A module after wasm-bindgen: it imports functions only, and its data is there from the beginning.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// What it was read from.
    pub(crate) bytes: &'a [u8],
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import<'a>>,
    /// The type of every function, imported ones first.
    functions: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    /// Addresses and bytes.
    pub(crate) data: Vec<(u32, &'a [u8])>,
    names: HashMap<u32, Cow<'a, str>>,
}

impl<'a> Module<'a> {
    /// Takes the module apart.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Module { bytes, ..Module::default() };
        for payload in Parser::new(0).parse_all(bytes) {
            module.add(payload?)?;
        }
        module.name_shims()?;
        Ok(module)
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(types) => {
                self.types = types.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let TypeRef::Func(ty) = import.ty else {
                        bail!("{} is imported, and no function", import.name)
                    };
                    self.functions.push(ty);
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(tables) => {
                self.tables = tables.into_iter().map(|table| Ok(table?.ty)).collect::<Result<_>>()?;
            }
            Payload::MemorySection(memories) => {
                self.memories = memories.into_iter().collect::<Result<_, _>>()?
            }
            Payload::GlobalSection(globals) => {
                self.globals = globals.into_iter().collect::<Result<_, _>>()?
            }
            Payload::ExportSection(exports) => {
                self.exports = exports.into_iter().collect::<Result<_, _>>()?
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                self.elements = elements.into_iter().collect::<Result<_, _>>()?
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(data) => {
                for data in data {
                    let data = data?;
                    let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        bail!("data that is not there from the beginning")
                    };
                    self.data.push((constant(&offset_expr)?, data.data));
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names {
                        let Name::Function(functions) = name? else { continue };
                        for function in functions {
                            let function = function?;
                            self.names.insert(function.index, function.name.into());
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The functions that have a body here.
    pub(crate) fn defined(&self) -> impl Iterator<Item = (u32, &FunctionBody<'a>)> {
        (self.first_defined()..).zip(&self.bodies)
    }

    /// The first of them.
    pub(crate) fn first_defined(&self) -> u32 {
        u32::try_from(self.imports.len()).unwrap_or(u32::MAX)
    }

    /// The body of a function, if it has one here.
    pub(crate) fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        self.bodies.get(usize::try_from(function).ok()?.checked_sub(self.imports.len())?)
    }

    /// The number of a function's type.
    pub(crate) fn type_of(&self, function: u32) -> Result<u32> {
        self.functions.get(function as usize).copied().with_context(|| format!("no function {function}"))
    }

    /// The functions that a function calls by name.
    pub(crate) fn callees(&self, function: u32) -> Result<Vec<u32>> {
        let mut callees = Vec::new();
        if let Some(body) = self.body(function) {
            for operator in body.get_operators_reader()? {
                if let Operator::Call { function_index } = operator? {
                    callees.push(function_index);
                }
            }
        }
        Ok(callees)
    }

    /// A function's name, as compilers write it.
    pub(crate) fn name(&self, function: u32) -> Option<&str> {
        self.names.get(&function).map(Cow::as_ref)
    }

    /// wasm-bindgen calls all functions that stand before an import the same: they get the import's name as well.
    fn name_shims(&mut self) -> Result<()> {
        let mut named = Vec::new();
        for (function, body) in
            self.defined().filter(|(f, _)| self.name(*f).is_some_and(|n| n.ends_with(SHIM)))
        {
            for operator in body.get_operators_reader()? {
                let Operator::Call { function_index } = operator? else { continue };
                if let Some(import) = self.imports.get(function_index as usize) {
                    named.push((function, format!("{} {SHIM}", import.name)));
                    break;
                }
            }
        }
        self.names.extend(named.into_iter().map(|(function, name)| (function, name.into())));
        Ok(())
    }
}

/// The value of `i32.const N`.
pub(crate) fn constant(expression: &ConstExpr<'_>) -> Result<u32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value.cast_unsigned()),
        other => bail!("an address that is not constant: {other:?}"),
    }
}

/// A function's name as people read it, the same in every build of the same source.
pub(crate) fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
