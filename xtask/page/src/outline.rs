//! Parts of functions that the first paint does not run, as functions of the rest.
//!
//! ```text
//! first:  local.get a; local.get b; call part; local.set b; br_if 2
//! rest:   part(a, b) -> (which exit, b)
//! ```
//!
//! A part is some instructions one after another, with everything that is inside them. What it reads of the function's
//! variables are its parameters, what it changes are its results; if it can be left in several ways, the first result says
//! in which.

use crate::flow::{Flow, Locals, Target};
use crate::switch::{self, Switch};
use anyhow::{Context, Result};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{Operator, ValType};

/// A part must be larger than the call of it by this.
const GAIN_BYTES: u32 = 2;

/// One part of a function.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its instructions.
    pub(crate) range: Range<usize>,
    /// If it is a choice of which some ways stay: these are not left out of the function, the others are.
    switch: Option<Switch>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    exits: Vec<Exit>,
    /// What the call of it takes and returns.
    pub(crate) params: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
}

/// How a part is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    /// What follows is next.
    Next,
    /// By a branch so many constructs outwards.
    Branch(u32),
    /// With the function's results.
    Return,
}

/// The parts of a function whose blocks are all `cold`, and that are worth it.
pub(crate) fn parts(flow: &Flow<'_>, cold: &[bool]) -> Result<Vec<Part>> {
    let is_cold = |at: usize| match flow.blocks.get(at) {
        Some(Some(block)) => cold.get(*block as usize) == Some(&true),
        _ => true,
    };
    let mut parts: Vec<Part> = Vec::new();
    for switch in switch::find(flow, is_cold)? {
        if let Some(part) = Part::new(flow, switch.range.clone())? {
            parts.push(Part { switch: Some(switch), ..part });
        }
    }
    let mut runs = Vec::new();
    find_runs(flow, &is_cold, 0..flow.operators.len().saturating_sub(1), &mut runs);
    for run in runs {
        if !parts.iter().any(|part| part.leaves_out(run.start))
            && let Some(part) = Part::new(flow, run)?
            && part.is_worth_it(flow)
        {
            parts.push(part);
        }
    }
    parts.sort_by_key(Part::place);
    Ok(parts)
}

/// Runs of cold instructions within `range`, which is one construct's content.
fn find_runs(
    flow: &Flow<'_>,
    is_cold: &impl Fn(usize) -> bool,
    range: Range<usize>,
    runs: &mut Vec<Range<usize>>,
) {
    let (mut at, mut start) = (range.start, None);
    while at < range.end {
        let end = flow.end(at);
        let next = end.map_or(at, |end| end) + 1;
        if (at..next).all(is_cold) {
            start.get_or_insert(at);
        } else {
            runs.extend(start.take().map(|start| start..at));
            if let Some(end) = end {
                let middle = flow.otherwise(at).unwrap_or(end);
                find_runs(flow, is_cold, at + 1..middle, runs);
                find_runs(flow, is_cold, (middle + 1).min(end)..end, runs);
            }
        }
        at = next;
    }
    runs.extend(start.map(|start| start..range.end));
}

impl Part {
    /// `None` if there is no such function.
    fn new(flow: &Flow<'_>, range: Range<usize>) -> Result<Option<Self>> {
        if flow.stack(range.start).is_none_or(|stack| !stack.is_empty()) {
            return Ok(None);
        }
        let Some(exits) = exits(flow, &range)? else { return Ok(None) };
        let left_over = flow.stack(range.end).unwrap_or_default();
        let has_several = exits.len() > 1;
        if has_several && !left_over.is_empty() {
            return Ok(None);
        }
        let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
        for operator in flow.operators.get(range.clone()).context("a part outside of its function")? {
            match operator {
                Operator::LocalGet { local_index } => reads.insert(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    writes.insert(*local_index)
                }
                _ => false,
            };
        }
        let parent = flow.parent(range.start);
        let mut live = Locals::default();
        for exit in &exits {
            live.extend(&match exit {
                Exit::Next => flow.live(Target::Instruction(range.end)),
                Exit::Branch(depth) => flow.live(flow.target(parent, *depth)),
                Exit::Return => Locals::default(),
            });
        }
        let type_of = |local: &u32| flow.locals.get(*local as usize).copied();
        let by_type = |mut locals: Vec<u32>| {
            // Few kinds of calls: each costs a function that does it.
            locals.sort_by_key(|local| (type_of(local).map(rank), *local));
            locals
        };
        let outputs = by_type(writes.iter().copied().filter(|local| live.contains(*local)).collect());
        let needed = flow.live(Target::Instruction(range.start));
        reads.extend(&outputs);
        let inputs = by_type(reads.into_iter().filter(|local| needed.contains(*local)).collect());
        let mut results = Vec::new();
        results.extend(has_several.then_some(ValType::I32));
        if exits.contains(&Exit::Return) {
            results.extend(&flow.results);
        }
        results.extend(left_over);
        results.extend(outputs.iter().filter_map(type_of));
        let params = inputs.iter().filter_map(type_of).collect();
        Ok(Some(Part { range, switch: None, inputs, outputs, exits, params, results }))
    }

    /// What is left out of the function, in order. The first is where the call stands.
    pub(crate) fn left_out(&self) -> Vec<Range<usize>> {
        match &self.switch {
            Some(switch) => switch.ways.iter().map(|(_, way)| way.clone()).collect(),
            None => vec![self.range.clone()],
        }
    }

    /// Whether this instruction is.
    pub(crate) fn leaves_out(&self, at: usize) -> bool {
        self.left_out().iter().any(|range| range.contains(&at))
    }

    /// Where the call stands.
    pub(crate) fn place(&self) -> usize {
        self.left_out().first().map_or(self.range.start, |range| range.start)
    }

    /// What stands in the place of a `br_table` of which ways are elsewhere.
    pub(crate) fn table(&self, at: usize, operator: &Operator<'_>) -> Result<Option<Instruction<'static>>> {
        let (Some(switch), Operator::BrTable { targets }) = (&self.switch, operator) else { return Ok(None) };
        if switch.table != at {
            return Ok(None);
        }
        let depths = targets.targets().map(|depth| Ok(switch.depth(depth?))).collect::<Result<Vec<u32>>>()?;
        Ok(Some(Instruction::BrTable(depths.into(), switch.depth(targets.default()))))
    }

    /// Whether the call of it is so much shorter.
    fn is_worth_it(&self, flow: &Flow<'_>) -> bool {
        let bytes: u32 = flow.bytes.get(self.range.clone()).unwrap_or_default().iter().sum();
        let locals = u32::try_from(self.inputs.len() + self.outputs.len()).unwrap_or(u32::MAX);
        let exits = match self.exits.as_slice() {
            [] | [Exit::Return] => 1,
            [Exit::Next] => 0,
            [_] | [Exit::Next, Exit::Branch(_)] => 2,
            more => 4 + 2 * u32::try_from(more.len()).unwrap_or(u32::MAX),
        };
        // Two bytes for each variable; the place in the table, and the call.
        bytes > 2 * locals + 5 + exits + GAIN_BYTES
    }

    /// Whether a return must be told from other exits: then the function needs variables for what it returns.
    pub(crate) fn keeps_results(&self) -> bool {
        self.exits.len() > 1 && self.exits.contains(&Exit::Return)
    }

    /// What stands in its place in the function. `call` writes the call; `kept` are variables for the function's results.
    pub(crate) fn write_call(
        &self,
        flow: &Flow<'_>,
        kept: &[u32],
        written: &mut Function,
        call: impl FnOnce(&mut Function) -> Result<()>,
    ) -> Result<()> {
        let returns = self.keeps_results();
        let goes_on = self.exits.first() == Some(&Exit::Next);
        // How many constructs are around the call that are not around the part.
        let deeper = flow.depth(self.place()) - flow.depth(self.range.start);
        let is_table = self.exits.len() > 1
            && !matches!(self.exits.as_slice(), [Exit::Next, Exit::Branch(_)] | [Exit::Next, Exit::Return]);
        let constructs = if is_table { u32::from(returns) + u32::from(goes_on) } else { 0 };
        for _ in 0..constructs {
            written.instruction(&Instruction::Block(BlockType::Empty));
        }
        for local in &self.inputs {
            written.instruction(&Instruction::LocalGet(*local));
        }
        call(written)?;
        for local in self.outputs.iter().rev().chain(kept.iter().rev().filter(|_| returns)) {
            written.instruction(&Instruction::LocalSet(*local));
        }
        let write_return = |written: &mut Function| {
            for local in kept {
                written.instruction(&Instruction::LocalGet(*local));
            }
            written.instruction(&Instruction::Return);
        };
        match self.exits.as_slice() {
            [] => drop(written.instruction(&Instruction::Unreachable)),
            [Exit::Next] => {}
            [Exit::Branch(0)] if deeper == 0 && self.is_at_the_end(flow) => {}
            [Exit::Branch(depth)] => drop(written.instruction(&Instruction::Br(depth + deeper))),
            [Exit::Return] => drop(written.instruction(&Instruction::Return)),
            [Exit::Next, Exit::Branch(depth)] => {
                written.instruction(&Instruction::BrIf(depth + deeper));
            }
            [Exit::Next, Exit::Return] => {
                written.instruction(&Instruction::If(BlockType::Empty));
                write_return(written);
                written.instruction(&Instruction::End);
            }
            exits => {
                let depths = exits.iter().map(|exit| match exit {
                    Exit::Next => u32::from(returns),
                    Exit::Branch(depth) => depth + deeper + constructs,
                    Exit::Return => 0,
                });
                let mut depths: Vec<u32> = depths.collect();
                let last = depths.pop().unwrap_or_default();
                written.instruction(&Instruction::BrTable(Cow::Owned(depths), last));
                if returns {
                    written.instruction(&Instruction::End);
                    write_return(written);
                }
                if goes_on {
                    written.instruction(&Instruction::End);
                }
            }
        }
        if goes_on && deeper > 0 {
            // What follows is behind the construct that the part is.
            written.instruction(&Instruction::Br(deeper - 1));
        }
        Ok(())
    }

    /// Whether what follows is what a branch out of the construct leads to.
    fn is_at_the_end(&self, flow: &Flow<'_>) -> bool {
        let is_end = matches!(flow.operators.get(self.range.end), Some(Operator::End | Operator::Else));
        let opened = flow.parent(self.range.start).and_then(|opened| flow.operators.get(opened));
        is_end && matches!(opened, Some(Operator::Block { .. } | Operator::If { .. }))
    }

    /// The part as a function. `write` writes what has nothing to do with variables and branches.
    pub(crate) fn function(
        &self,
        flow: &Flow<'_>,
        value_type: impl Fn(ValType) -> Result<wasm_encoder::ValType>,
        mut write: impl FnMut(&Operator<'_>, &mut Function) -> Result<()>,
    ) -> Result<Function> {
        let Variables { locals, kept, types } = self.variables(flow)?;
        let types: Vec<_> = types.into_iter().map(value_type).collect::<Result<_>>()?;
        let mut body = Body { part: self, locals, kept, function: Function::new_with_locals_types(types) };
        let constructs = body.constructs();
        for _ in &constructs {
            body.function.instruction(&Instruction::Block(BlockType::Empty));
        }
        let mut level = 0;
        for operator in flow.operators.get(self.range.clone()).context("a part outside of its function")? {
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => level += 1,
                Operator::End => level -= 1,
                _ => {}
            }
            if !body.operator(operator, level, &constructs, flow)? {
                write(operator, &mut body.function)?;
            }
        }
        match self.exits.first() {
            Some(Exit::Next) => body.leave(Exit::Next),
            // Takes away what instructions that never run may have left on the stack.
            _ => drop(body.function.instruction(&Instruction::Unreachable)),
        }
        for exit in constructs {
            body.function.instruction(&Instruction::End);
            body.leave(exit);
        }
        body.function.instruction(&Instruction::End);
        Ok(body.function)
    }

    fn variables(&self, flow: &Flow<'_>) -> Result<Variables> {
        let mut locals: HashMap<u32, u32> = self.inputs.iter().copied().zip(0..).collect();
        let mut others = BTreeSet::new();
        for operator in flow.operators.get(self.range.clone()).context("a part outside of its function")? {
            if let Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } = operator
                && !locals.contains_key(local_index)
            {
                let ty = flow.locals.get(*local_index as usize).context("no such variable")?;
                others.insert((rank(*ty), *local_index));
            }
        }
        let first = u32::try_from(locals.len())?;
        locals.extend(others.iter().map(|(_, local)| *local).zip(first..));
        let mut types: Vec<ValType> =
            others.iter().filter_map(|(_, local)| flow.locals.get(*local as usize)).copied().collect();
        let next = u32::try_from(locals.len())?;
        let kept = if self.keeps_results() {
            types.extend(&flow.results);
            (next..).take(flow.results.len()).collect()
        } else {
            Vec::new()
        };
        Ok(Variables { locals, kept, types })
    }
}

/// The variables of a part as a function.
struct Variables {
    /// New numbers by old ones.
    locals: HashMap<u32, u32>,
    /// Those for what the function returns.
    kept: Vec<u32>,
    /// Types of all that are no parameters.
    types: Vec<ValType>,
}

/// A part that is being written as a function.
struct Body<'p> {
    part: &'p Part,
    locals: HashMap<u32, u32>,
    kept: Vec<u32>,
    function: Function,
}

impl Body<'_> {
    /// The exits that are constructs around it, the innermost first.
    fn constructs(&self) -> Vec<Exit> {
        let is_construct = |exit: &Exit| match exit {
            Exit::Next => false,
            Exit::Branch(_) => true,
            Exit::Return => self.part.keeps_results(),
        };
        self.part.exits.iter().copied().filter(is_construct).collect()
    }

    /// Writes what is another instruction here; says whether it is one.
    fn operator(
        &mut self,
        operator: &Operator<'_>,
        level: u32,
        constructs: &[Exit],
        flow: &Flow<'_>,
    ) -> Result<bool> {
        let to = |exit: Exit| {
            let place = constructs.iter().position(|known| *known == exit).context("an unknown exit")?;
            anyhow::Ok(level + u32::try_from(place)?)
        };
        let branch = |depth: u32| match depth.checked_sub(level) {
            Some(outwards) => to(Exit::Branch(outwards)),
            None => Ok(depth),
        };
        let local = |local: &u32| self.locals.get(local).copied().context("no such variable");
        let instruction = match operator {
            Operator::LocalGet { local_index } => Instruction::LocalGet(local(local_index)?),
            Operator::LocalSet { local_index } => Instruction::LocalSet(local(local_index)?),
            Operator::LocalTee { local_index } => Instruction::LocalTee(local(local_index)?),
            Operator::Br { relative_depth } => Instruction::Br(branch(*relative_depth)?),
            Operator::BrIf { relative_depth } => Instruction::BrIf(branch(*relative_depth)?),
            Operator::BrTable { targets } => {
                let depths = targets.targets().map(|depth| branch(depth?)).collect::<Result<Vec<u32>>>()?;
                Instruction::BrTable(depths.into(), branch(targets.default())?)
            }
            Operator::Return if flow.results.is_empty() => {
                Instruction::Br(to(Exit::Branch(flow.depth(self.part.range.start)))?)
            }
            Operator::Return if self.part.keeps_results() => {
                for local in self.kept.iter().rev() {
                    self.function.instruction(&Instruction::LocalSet(*local));
                }
                Instruction::Br(to(Exit::Return)?)
            }
            _ => return Ok(false),
        };
        self.function.instruction(&instruction);
        Ok(true)
    }

    /// The results for this exit.
    fn leave(&mut self, exit: Exit) {
        let exits = &self.part.exits;
        if exits.len() > 1
            && let Some(which) = exits.iter().position(|known| *known == exit)
        {
            self.function.instruction(&Instruction::I32Const(i32::try_from(which).unwrap_or(0)));
        }
        let outputs = self.part.outputs.iter().filter_map(|local| self.locals.get(local));
        for local in self.kept.iter().chain(outputs) {
            self.function.instruction(&Instruction::LocalGet(*local));
        }
        self.function.instruction(&Instruction::Return);
    }
}

/// All ways out; `None` if one of them takes something along.
fn exits(flow: &Flow<'_>, range: &Range<usize>) -> Result<Option<Vec<Exit>>> {
    let (parent, outer) = (flow.parent(range.start), flow.depth(range.start));
    let mut exits = BTreeSet::new();
    for at in range.clone() {
        let level = flow.depth(at) - outer;
        let mut branch = |depth: u32| match depth.checked_sub(level) {
            Some(outwards) => {
                exits.insert(Exit::Branch(outwards));
                flow.takes_nothing(flow.left(parent, outwards))
            }
            None => true,
        };
        let is_simple = match flow.operators.get(at).context("a part outside of its function")? {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => branch(*relative_depth),
            Operator::BrTable { targets } => {
                let mut is_simple = branch(targets.default());
                for depth in targets.targets() {
                    is_simple &= branch(depth?);
                }
                is_simple
            }
            Operator::Return if flow.results.is_empty() => {
                exits.insert(Exit::Branch(outer));
                true
            }
            Operator::Return => {
                exits.insert(Exit::Return);
                true
            }
            _ => true,
        };
        if !is_simple {
            return Ok(None);
        }
    }
    if flow.stack(range.end).is_some() {
        exits.insert(Exit::Next);
    }
    Ok(Some(exits.into_iter().collect()))
}

const fn rank(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}

#[cfg(test)]
mod tests;
