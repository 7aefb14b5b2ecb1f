//! Which code goes where, and what the two modules take from each other.

use crate::flow::{self, Flow};
use crate::module::{Module, constant};
use crate::names;
use crate::outline::{self, Part};
use crate::profile::Later;
use crate::relocations::{Constants, Needed};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use wasm_encoder::Instruction;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{Element, ElementItems, ElementKind, Export, ExternalKind, FuncType, Operator};

/// The table that functions are called through.
pub(crate) const CALLS: u32 = 0;

/// Functions up to this length are in both modules where both need them.
const COPIED_BYTES: u64 = 120;

/// So many calls of one type are done where they stand: a function for them would cost more.
const SELDOM_CALLS: u32 = 8;

/// Which code goes where.
pub(crate) struct Plan<'a> {
    /// Functions with a body in the first module, and in the rest.
    pub(crate) first: Vec<u32>,
    pub(crate) rest: Vec<u32>,
    /// Functions of the first module of which parts are in the rest.
    pub(crate) outlines: BTreeMap<u32, Outline<'a>>,
    /// Imports that each of them uses.
    pub(crate) first_imports: Vec<u32>,
    pub(crate) rest_imports: Vec<u32>,
    /// Short functions of the first module that the rest has, too: a place in the table would cost more.
    pub(crate) copied: BTreeSet<u32>,
    /// Functions of the first module that the rest calls.
    pub(crate) shared: BTreeSet<u32>,
    /// Globals that the rest uses.
    pub(crate) globals: BTreeSet<u32>,
    /// All types, with those of parts.
    pub(crate) types: Vec<FuncType>,
    /// Types of the calls through the table in the first module, and how many of each there are.
    calls: BTreeMap<u32, u32>,
    /// So many calls of one type need no function of their own.
    pub(crate) seldom_calls: u32,
    /// Places in the table, and the functions in them; the other way round.
    pub(crate) table: BTreeMap<u32, u32>,
    pub(crate) slots: HashMap<u32, u32>,
    /// What the first module's code leads to.
    pub(crate) needed: Needed,
    /// Places in the table to which nothing in the first module leads, for short functions: the rest puts its own there.
    pub(crate) moved: BTreeSet<u32>,
    /// The table's size, with the places that were added.
    pub(crate) table_len: u32,
}

/// A function and its parts that are elsewhere.
pub(crate) struct Outline<'a> {
    pub(crate) flow: Flow<'a>,
    /// In order, each with its number as a function and its type.
    pub(crate) parts: Vec<(Part, u32, u32)>,
}

impl Outline<'_> {
    /// Whether the first module does without an instruction.
    fn is_away(&self, at: usize) -> bool {
        self.parts.iter().any(|(part, ..)| part.leaves_out(at))
    }

    /// Whether the rest has an instruction.
    fn is_in_part(&self, at: usize) -> bool {
        self.parts.iter().any(|(part, ..)| part.range.contains(&at))
    }

    /// What stands in the place of a `br_table` of which ways are elsewhere.
    pub(crate) fn table(&self, at: usize, operator: &Operator<'_>) -> Result<Option<Instruction<'static>>> {
        if !matches!(operator, Operator::BrTable { .. }) {
            return Ok(None);
        }
        for (part, ..) in &self.parts {
            if let Some(table) = part.table(at, operator)? {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }
}

impl<'a> Plan<'a> {
    /// For `module`, where the first paint does without what is `later`.
    pub(crate) fn new(
        module: &Module<'a>,
        later: &Later,
        constants: &Constants,
        script: &str,
    ) -> Result<Self> {
        // What JavaScript calls must be there when it does.
        let used = names::used(script);
        let is_called =
            |export: &&Export<'_>| export.kind == ExternalKind::Func && names::is_kept(export.name, &used);
        let mut kept: BTreeSet<u32> = module.start.into_iter().collect();
        kept.extend(module.exports.iter().filter(is_called).map(|export| export.index));
        let is_later = |function: u32| module.name(function).is_some_and(|name| later.contains(name));
        let (rest, first) = module.defined().map(|(f, _)| f).partition(|f| !kept.contains(f) && is_later(*f));
        let mut plan = Plan {
            first,
            rest,
            outlines: BTreeMap::new(),
            first_imports: Vec::new(),
            rest_imports: Vec::new(),
            copied: BTreeSet::new(),
            shared: BTreeSet::new(),
            globals: BTreeSet::new(),
            types: module.types.clone(),
            calls: BTreeMap::new(),
            seldom_calls: SELDOM_CALLS,
            table: table(&module.elements)?,
            slots: HashMap::new(),
            needed: Needed::default(),
            moved: BTreeSet::new(),
            table_len: u32::try_from(module.tables.first().context("no table")?.initial)?,
        };
        plan.sort(module)?;
        plan.outline(module, later)?;
        plan.shake(module, constants, &kept)?;
        plan.copy(module)?;
        let wanted = plan.look(module, kept)?;
        plan.slots = plan.table.iter().map(|(slot, function)| (*function, *slot)).collect();
        for function in plan.in_order(module, &wanted)? {
            if !plan.slots.contains_key(&function) {
                plan.table.insert(plan.table_len, function);
                plan.slots.insert(function, plan.table_len);
                plan.table_len += 1;
            }
        }
        Ok(plan)
    }

    /// Finds the parts of the first module's functions that can be elsewhere.
    fn outline(&mut self, module: &Module<'a>, later: &Later) -> Result<()> {
        let mut blocks = HashMap::new();
        for function in &self.first {
            if let (Some(name), Some(body)) = (module.name(*function), module.body(*function))
                && let Some(cold) = later.blocks(name, body)?
            {
                blocks.insert(*function, cold);
            }
        }
        let mut next = module.first_defined() + u32::try_from(module.defined().count())?;
        let mut flows = flow::read(module.bytes, |function| blocks.contains_key(&function))?;
        for function in self.first.clone() {
            let Some(flow) = flows.remove(&function) else { continue };
            let mut parts = Vec::new();
            for part in outline::parts(&flow, blocks.get(&function).copied().unwrap_or_default())? {
                let ty = self.type_like(&FuncType::new(part.params.clone(), part.results.clone()))?;
                parts.push((part, next, ty));
                next += 1;
            }
            if !parts.is_empty() {
                self.outlines.insert(function, Outline { flow, parts });
            }
        }
        Ok(())
    }

    fn type_like(&mut self, ty: &FuncType) -> Result<u32> {
        let known = self.types.iter().position(|known| known == ty);
        let at = known.unwrap_or(self.types.len());
        if known.is_none() {
            self.types.push(ty.clone());
        }
        Ok(u32::try_from(at)?)
    }

    /// Functions of one type one after another, and of these what begins alike: compressors find repeats that are near.
    fn sort(&mut self, module: &Module<'_>) -> Result<()> {
        let mut keys = Vec::new();
        for function in &self.first {
            let range = module.body(*function).context("a function without a body")?.range();
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            let ty = module.type_of(*function)?;
            keys.push((ty, module.bytes.get(range), *function));
        }
        keys.sort_unstable();
        self.first = keys.into_iter().map(|(.., function)| function).collect();
        Ok(())
    }

    /// Leaves out of the first module what nothing in it leads to from what is `kept`.
    fn shake(&mut self, module: &Module<'_>, constants: &Constants, kept: &BTreeSet<u32>) -> Result<()> {
        let first: BTreeSet<u32> = self.first.iter().copied().collect();
        let (mut reached, mut waiting) = (BTreeSet::new(), kept.clone());
        let mut places: HashMap<&str, Vec<u32>> = HashMap::new();
        for (place, function) in &self.table {
            if let Some(name) = module.name(*function) {
                places.entry(name).or_default().push(*place);
            }
        }
        while !waiting.is_empty() {
            while let Some(function) = waiting.pop_first() {
                if first.contains(&function) && reached.insert(function) {
                    waiting.extend(self.callees(module, function)?);
                }
            }
            let mut functions = Vec::new();
            for function in &reached {
                if let Some(name) = module.name(*function) {
                    functions.push((name, self.numbers(*function)?));
                }
            }
            self.needed = constants.needed_by(functions, &places);
            let called = self.needed.places.iter().filter_map(|place| self.table.get(place));
            waiting.extend(called.filter(|function| first.contains(function) && !reached.contains(function)));
        }
        let is_away = |function: &u32| !reached.contains(function);
        self.rest.extend(self.first.extract_if(.., |function| is_away(function)));
        self.outlines.retain(|function, _| reached.contains(function));
        for (.., ty) in self.outlines.values().flat_map(|outline| &outline.parts) {
            *self.calls.entry(*ty).or_default() += 1;
        }
        Ok(())
    }

    /// What a function of the first module calls by name, without its parts that are elsewhere.
    fn callees(&self, module: &Module<'_>, function: u32) -> Result<Vec<u32>> {
        let outline = self.outlines.get(&function);
        let mut callees = Vec::new();
        let body = module.body(function).context("a function without a body")?;
        for (at, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            if let Operator::Call { function_index } = operator?
                && outline.is_none_or(|outline| !outline.is_away(at))
            {
                callees.push(function_index);
            }
        }
        Ok(callees)
    }

    /// Finds the short functions that the rest calls or has places for, and those that they call.
    fn copy(&mut self, module: &Module<'_>) -> Result<()> {
        let first: BTreeSet<u32> = self.first.iter().copied().collect();
        let is_short = |function: &u32| {
            let body = module.body(*function).map(|body| body.range());
            first.contains(function) && body.is_some_and(|range| range.end - range.start <= COPIED_BYTES)
        };
        let mut waiting = Vec::new();
        for function in &self.rest {
            waiting.extend(module.callees(*function)?);
        }
        for outline in self.outlines.values() {
            let away = outline.flow.operators.iter().enumerate().filter(|(at, _)| outline.is_in_part(*at));
            waiting.extend(away.filter_map(|(_, operator)| match operator {
                Operator::Call { function_index } => Some(*function_index),
                _ => None,
            }));
        }
        let is_for_rest =
            |(slot, function): &(&u32, &u32)| !self.needed.places.contains(slot) && is_short(function);
        self.moved = self.table.iter().filter(is_for_rest).map(|(slot, _)| *slot).collect();
        waiting.extend(self.moved.iter().filter_map(|slot| self.table.get(slot)));
        while let Some(function) = waiting.pop() {
            if is_short(&function) && self.copied.insert(function) {
                waiting.extend(module.callees(function)?);
            }
        }
        Ok(())
    }

    /// Reads all code; returns the functions that must have a place in the table.
    fn look(&mut self, module: &Module<'_>, kept: BTreeSet<u32>) -> Result<BTreeSet<u32>> {
        let imports = module.first_defined();
        let rest: BTreeSet<u32> = self.rest.iter().copied().collect();
        let (mut wanted, mut first_imports, mut rest_imports) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        first_imports.extend(kept.into_iter().filter(|f| *f < imports));
        first_imports.extend(self.table.values().filter(|f| **f < imports));
        let (copied, outlines) = (self.copied.clone(), std::mem::take(&mut self.outlines));
        let copies = copied.iter().filter_map(|f| Some((*f, module.body(*f)?, true)));
        for (function, body, is_copy) in module.defined().map(|(f, body)| (f, body, false)).chain(copies) {
            let outline = outlines.get(&function);
            for (at, operator) in body.get_operators_reader()?.into_iter().enumerate() {
                let is_all = is_copy || rest.contains(&function);
                let is_rest = is_all || outline.is_some_and(|outline| outline.is_in_part(at));
                let is_first = !is_all && outline.is_none_or(|outline| !outline.is_away(at));
                let operator = operator?;
                for is_rest in
                    [(is_first, false), (is_rest, true)].iter().filter(|(is, _)| *is).map(|(_, is)| *is)
                {
                    let imports = if is_rest { &mut rest_imports } else { &mut first_imports };
                    let has = |callee: &u32| match is_rest {
                        true => rest.contains(callee) || copied.contains(callee),
                        false => !rest.contains(callee),
                    };
                    wanted.extend(self.note(module, &operator, is_rest, imports, has)?);
                }
            }
        }
        self.outlines = outlines;
        self.first_imports = first_imports.into_iter().collect();
        self.rest_imports = rest_imports.into_iter().collect();
        Ok(wanted)
    }

    /// Notes what an instruction of the rest or of the first module needs; returns a function that must have a place.
    fn note(
        &mut self,
        module: &Module<'_>,
        operator: &Operator<'_>,
        is_rest: bool,
        imports: &mut BTreeSet<u32>,
        has: impl Fn(&u32) -> bool,
    ) -> Result<Option<u32>> {
        match *operator {
            Operator::Call { function_index } | Operator::RefFunc { function_index }
                if function_index < module.first_defined() =>
            {
                imports.insert(function_index);
            }
            Operator::Call { function_index } if !has(&function_index) => {
                if is_rest {
                    self.shared.insert(function_index);
                } else {
                    *self.calls.entry(module.type_of(function_index)?).or_default() += 1;
                }
                return Ok(Some(function_index));
            }
            Operator::RefFunc { function_index } if !has(&function_index) => {
                bail!("a reference to a function of the other module")
            }
            Operator::CallIndirect { type_index, table_index: CALLS } if !is_rest => {
                *self.calls.entry(type_index).or_default() += 1;
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } if is_rest => {
                self.globals.insert(global_index);
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => bail!("a tail call"),
            _ => {}
        }
        Ok(None)
    }

    /// Types of calls that are so many that the first module has a function for them.
    pub(crate) fn helpers(&self) -> impl Iterator<Item = u32> {
        self.calls.iter().filter(|(_, calls)| **calls > self.seldom_calls).map(|(ty, _)| *ty)
    }

    /// What is elsewhere in the order in which it is called, then what else is `wanted`: places that differ little from
    /// one call to the next compress better.
    fn in_order(&self, module: &Module<'_>, wanted: &BTreeSet<u32>) -> Result<Vec<u32>> {
        let mut order = Vec::new();
        let first: BTreeSet<u32> = self.first.iter().copied().collect();
        let is_away = |callee: &u32| wanted.contains(callee) && !first.contains(callee);
        for function in &self.first {
            let outline = self.outlines.get(function);
            let mut parts = outline.map(|outline| outline.parts.iter()).into_iter().flatten().peekable();
            let body = module.body(*function).context("a function without a body")?;
            for (at, operator) in body.get_operators_reader()?.into_iter().enumerate() {
                if let Some((_, part, _)) = parts.next_if(|(part, ..)| part.place() == at) {
                    order.push(*part);
                }
                match operator? {
                    Operator::Call { function_index }
                        if is_away(&function_index) && outline.is_none_or(|o| !o.is_away(at)) =>
                    {
                        order.push(function_index)
                    }
                    _ => {}
                }
            }
        }
        order.extend(wanted);
        Ok(order)
    }

    /// Whether the rest alone has an import of this name.
    pub(crate) fn is_rest_only(&self, module: &Module<'_>, name: &str) -> bool {
        let has = |imports: &[u32]| {
            let mut imports = imports.iter().filter_map(|import| module.imports.get(*import as usize));
            imports.any(|import| import.name == name)
        };
        has(&self.rest_imports) && !has(&self.first_imports)
    }

    /// The numbers in what the first module has of a function, addresses among them; `None` if it has all of it.
    fn numbers(&self, function: u32) -> Result<Option<HashSet<u32>>> {
        let Some(outline) = self.outlines.get(&function) else { return Ok(None) };
        let mut numbers = Numbers::default();
        for (at, operator) in outline.flow.operators.iter().enumerate() {
            if outline.is_away(at) {
                continue;
            }
            if let Operator::I32Const { value } = operator {
                numbers.0.insert(value.cast_unsigned());
            }
            numbers.instruction(operator.clone()).map_err(|error| anyhow::anyhow!("{error}"))?;
        }
        Ok(Some(numbers.0))
    }
}

/// Hears of what instructions add to addresses.
#[derive(Default)]
struct Numbers(HashSet<u32>);

impl Reencode for Numbers {
    type Error = std::convert::Infallible;

    fn mem_arg(&mut self, arg: wasmparser::MemArg) -> Result<wasm_encoder::MemArg, reencode::Error> {
        self.0.extend(u32::try_from(arg.offset));
        reencode::utils::mem_arg(self, arg)
    }
}

/// What is in the table of functions from the beginning.
pub(crate) fn table(elements: &[Element<'_>]) -> Result<BTreeMap<u32, u32>> {
    let mut table = BTreeMap::new();
    for element in elements {
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
