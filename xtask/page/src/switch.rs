//! Choices of which most ways are elsewhere: `match` over many kinds, of which the first paint sees few.
//!
//! ```text
//! block $out                          block $out
//!   block $b  block $a                  block $b  block $a
//!     (which one)                         (which one)
//!     br_table $a $b …                    br_table $a $a …
//!   end                                 end
//!     what is done for a; br $out         call part; br $out
//!   end                                 end
//!     what is done for b; br $out
//! end                                 end
//! ```
//!
//! A part for each of many ways would cost a call for each. The whole choice is one part instead: it chooses once more, so
//! what comes before the choice must be such that it can be done twice.

use crate::flow::Flow;
use anyhow::Result;
use std::collections::HashMap;
use std::ops::Range;
use wasmparser::{BlockType, Operator};

/// So many ways at least.
const MIN_WAYS: usize = 3;

/// A choice of which some ways are elsewhere.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The construct with all of it.
    pub(crate) range: Range<usize>,
    /// Its `br_table`.
    pub(crate) table: usize,
    /// The ways that are elsewhere, the innermost first: how far outwards the branch to it leads, and its instructions.
    pub(crate) ways: Vec<(u32, Range<usize>)>,
}

impl Switch {
    /// How far outwards the branch leads that stood for `depth`: to the first way, if it was to any of them.
    pub(crate) fn depth(&self, depth: u32) -> u32 {
        let is_away = self.ways.iter().any(|(way, _)| *way == depth);
        self.ways.first().filter(|_| is_away).map_or(depth, |(first, _)| *first)
    }
}

/// All of a function, where `is_cold` says of an instruction that it does not run.
pub(crate) fn find(flow: &Flow<'_>, is_cold: impl Fn(usize) -> bool) -> Result<Vec<Switch>> {
    let branches = branches(flow)?;
    let mut switches = Vec::new();
    for (table, operator) in flow.operators.iter().enumerate() {
        let Operator::BrTable { targets } = operator else { continue };
        if is_cold(table) || flow.stack(table).is_none() {
            continue;
        }
        let mut depths = targets.targets().collect::<Result<Vec<u32>, _>>()?;
        depths.push(targets.default());
        depths.sort_unstable();
        depths.dedup();
        let is_only_here =
            |opened: &usize| branches.get(opened).is_some_and(|from| from.as_slice() == [table]);
        let way = |depth: u32| {
            let opened = flow.left(flow.parent(table), depth).filter(is_only_here)?;
            Some((depth, way(flow, opened)?)).filter(|(_, way)| way.clone().all(&is_cold))
        };
        let mut ways: Vec<_> = depths.into_iter().filter_map(way).collect();
        while ways.len() >= MIN_WAYS
            && let Some(opened) = ways.last().and_then(|(_, way)| flow.parent(way.start))
        {
            if let Some(end) = flow.end(opened).filter(|_| can_be_repeated(flow, opened..table)) {
                switches.push(Switch { range: opened..end + 1, table, ways });
                break;
            }
            ways.pop();
        }
    }
    Ok(switches)
}

/// Where branches lead to: the instructions that lead to each construct, each once.
fn branches(flow: &Flow<'_>) -> Result<HashMap<usize, Vec<usize>>> {
    let mut branches: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, operator) in flow.operators.iter().enumerate() {
        let mut depths = match operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => vec![*relative_depth],
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().collect::<Result<Vec<u32>, _>>()?;
                depths.push(targets.default());
                depths
            }
            _ => continue,
        };
        depths.sort_unstable();
        depths.dedup();
        for opened in depths.into_iter().filter_map(|depth| flow.left(flow.parent(at), depth)) {
            branches.entry(opened).or_default().push(at);
        }
    }
    Ok(branches)
}

/// What is done behind a block, up to the end of the block around it, if one gets there by a branch alone.
fn way(flow: &Flow<'_>, opened: usize) -> Option<Range<usize>> {
    let end = flow.end(opened)?;
    let around = flow.parent(opened)?;
    let is_plain = is_plain_block(flow.operators.get(opened)?) && is_plain_block(flow.operators.get(around)?);
    let way = end + 1..flow.end(around)?;
    (is_plain && flow.stack(end).is_none() && !way.is_empty()).then_some(way)
}

fn is_plain_block(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Block { blockty: BlockType::Empty })
}

/// Whether it makes no difference to run these instructions a second time: they change variables alone, and none that
/// they have read before.
fn can_be_repeated(flow: &Flow<'_>, range: Range<usize>) -> bool {
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for operator in flow.operators.get(range).unwrap_or_default() {
        match operator {
            Operator::LocalGet { local_index } if !written.contains(local_index) => read.push(*local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                written.push(*local_index)
            }
            operator if is_plain_block(operator) => {}
            operator if !is_pure(operator) => return false,
            _ => {}
        }
    }
    !read.iter().any(|local| written.contains(local))
}

/// Whether an instruction does nothing but to compute a value. Only those that choices are made with.
const fn is_pure(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::LocalGet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::I32Load { .. }
            | Operator::I32Load8U { .. }
            | Operator::I32Load8S { .. }
            | Operator::I32Load16U { .. }
            | Operator::I64Load { .. }
            | Operator::I32Add
            | Operator::I32Sub
            | Operator::I32And
            | Operator::I32Or
            | Operator::I32Xor
            | Operator::I32Shl
            | Operator::I32ShrU
            | Operator::I32Eqz
            | Operator::I32Eq
            | Operator::I32Ne
            | Operator::I32LtU
            | Operator::I32GtU
            | Operator::I32LeU
            | Operator::I32GeU
            | Operator::I32WrapI64
            | Operator::I64Add
            | Operator::I64Sub
            | Operator::I64Eq
            | Operator::I64Ne
            | Operator::I64LtU
            | Operator::I64GtU
            | Operator::Select
    )
}
