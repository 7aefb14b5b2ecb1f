//! A function's body as what happens in it: its blocks of instructions, where branches lead, what is on the stack, and
//! which local variables are still read.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use wasmparser::{
    BlockType, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, Parser, ValType,
    ValidPayload, Validator, ValidatorResources, WasmModuleResources,
};

/// A body taken apart. All lists are by the instruction's number.
pub(crate) struct Flow<'a> {
    pub(crate) operators: Vec<Operator<'a>>,
    /// Which block of instructions it belongs to: all of a block run, or none. `end` and `else` belong to none.
    pub(crate) blocks: Vec<Option<u32>>,
    /// How many bytes it takes.
    pub(crate) bytes: Vec<u32>,
    /// The `block`, `loop` or `if` around it.
    parents: Vec<Option<usize>>,
    /// For `block`, `loop` and `if`: where its `else` and its `end` are.
    closes: HashMap<usize, Close>,
    /// What is on the stack before it, above what was there where the construct around it began; `None` where nothing
    /// ever comes.
    stack: Vec<Option<Vec<ValType>>>,
    /// Which locals are read after this point before they are written.
    live: Vec<Locals>,
    /// Types of the locals, parameters first.
    pub(crate) locals: Vec<ValType>,
    /// What the function returns.
    pub(crate) results: Vec<ValType>,
}

#[derive(Clone, Copy, Default)]
struct Close {
    otherwise: Option<usize>,
    end: usize,
}

/// Where a branch leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To this instruction.
    Instruction(usize),
    /// Out of the function.
    Return,
}

/// The numbers of blocks of instructions, one by one: what the recording counts and what [`Flow`] knows are the same.
#[derive(Default)]
pub(crate) struct Blocks {
    next: u32,
    is_inside: bool,
}

impl Blocks {
    /// The block of the next instruction, and whether it is the first one in it.
    pub(crate) fn add(&mut self, operator: &Operator<'_>) -> Option<(u32, bool)> {
        let ends = matches!(operator, Operator::End | Operator::Else);
        // The first one counts in any case: it says whether the function was called.
        let begins = !self.is_inside && (!ends || self.next == 0);
        if begins {
            self.next += 1;
        }
        self.is_inside = !ends
            && !matches!(
                operator,
                Operator::Loop { .. }
                    | Operator::If { .. }
                    | Operator::Br { .. }
                    | Operator::BrIf { .. }
                    | Operator::BrTable { .. }
                    | Operator::Return
                    | Operator::Unreachable
            );
        (begins || !ends).then(|| (self.next - 1, begins))
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        self.next
    }
}

/// Calls `each` with the number and the flow of every function that is `wanted`.
pub(crate) fn read<'a>(module: &'a [u8], wanted: impl Fn(u32) -> bool) -> Result<HashMap<u32, Flow<'a>>> {
    let mut validator = Validator::new();
    let mut flows = HashMap::new();
    for payload in Parser::new(0).parse_all(module) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)?
            && wanted(function.index)
        {
            flows.insert(function.index, Flow::new(function, &body)?);
        }
    }
    Ok(flows)
}

impl<'a> Flow<'a> {
    fn new(function: FuncToValidate<ValidatorResources>, body: &FunctionBody<'a>) -> Result<Self> {
        let ty = function.resources.sub_type_at(function.ty).context("a function without a type")?;
        let results = ty.unwrap_func().results().to_vec();
        let mut validator = function.into_validator(FuncValidatorAllocations::default());
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let local = |at| validator.get_local_type(at).context("a local without a type");
        let mut flow = Flow {
            operators: Vec::new(),
            blocks: Vec::new(),
            bytes: Vec::new(),
            parents: Vec::new(),
            closes: HashMap::new(),
            stack: Vec::new(),
            live: Vec::new(),
            locals: (0..validator.len_locals()).map(local).collect::<Result<_>>()?,
            results,
        };
        let (mut open, mut blocks) = (Vec::new(), Blocks::default());
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let offset = operators.original_position();
            let operator = operators.read()?;
            let at = flow.operators.len();
            flow.stack.push(stack(&validator));
            flow.bytes.push(u32::try_from(operators.original_position() - offset)?);
            flow.blocks.push(blocks.add(&operator).map(|(block, _)| block));
            flow.parents.push(open.last().copied());
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open.push(at),
                Operator::Else => {
                    let opened = open.last().context("`else` without `if`")?;
                    flow.closes.entry(*opened).or_default().otherwise = Some(at);
                }
                Operator::End => {
                    if let Some(opened) = open.pop() {
                        flow.closes.entry(opened).or_default().end = at;
                    }
                }
                _ => {}
            }
            validator.op(offset, &operator)?;
            flow.operators.push(operator);
        }
        flow.find_live()?;
        Ok(flow)
    }

    /// The construct around an instruction.
    pub(crate) fn parent(&self, at: usize) -> Option<usize> {
        self.parents.get(at).copied().flatten()
    }

    /// Where a `block`, `loop` or `if` ends.
    pub(crate) fn end(&self, opened: usize) -> Option<usize> {
        Some(self.closes.get(&opened)?.end)
    }

    /// Where the `else` of an `if` is.
    pub(crate) fn otherwise(&self, opened: usize) -> Option<usize> {
        self.closes.get(&opened)?.otherwise
    }

    /// What is on the stack before an instruction, as far as the construct around it has put it there.
    pub(crate) fn stack(&self, at: usize) -> Option<&[ValType]> {
        self.stack.get(at)?.as_deref()
    }

    /// Which locals are read after this before they are written.
    pub(crate) fn live(&self, target: Target) -> Locals {
        match target {
            Target::Instruction(at) => self.live.get(at).cloned().unwrap_or_default(),
            Target::Return => Locals::default(),
        }
    }

    /// The construct that a branch `depth` outwards leaves (or repeats), from an instruction inside `parent`.
    pub(crate) fn left(&self, mut parent: Option<usize>, depth: u32) -> Option<usize> {
        for _ in 0..depth {
            parent = self.parent(parent?);
        }
        parent
    }

    /// Where such a branch leads to.
    pub(crate) fn target(&self, parent: Option<usize>, depth: u32) -> Target {
        match self.left(parent, depth) {
            None => Target::Return,
            Some(opened) => match self.operators.get(opened) {
                Some(Operator::Loop { .. }) => Target::Instruction(opened + 1),
                _ => self.end(opened).map_or(Target::Return, |end| Target::Instruction(end + 1)),
            },
        }
    }

    /// Whether a branch that leaves (or repeats) this construct takes nothing with it.
    pub(crate) fn takes_nothing(&self, opened: Option<usize>) -> bool {
        match opened.and_then(|opened| self.operators.get(opened)) {
            None => self.results.is_empty(),
            Some(Operator::Loop { blockty }) => !matches!(blockty, BlockType::FuncType(_)),
            Some(Operator::Block { blockty } | Operator::If { blockty }) => *blockty == BlockType::Empty,
            Some(_) => false,
        }
    }

    /// How many constructs are around an instruction.
    pub(crate) fn depth(&self, at: usize) -> u32 {
        let mut depth = 0;
        let mut parent = self.parent(at);
        while let Some(opened) = parent {
            depth += 1;
            parent = self.parent(opened);
        }
        depth
    }

    /// Backwards through the instructions, as often as loops need it.
    fn find_live(&mut self) -> Result<()> {
        self.live = vec![Locals::default(); self.operators.len() + 1];
        loop {
            let mut has_changed = false;
            for at in (0..self.operators.len()).rev() {
                let live = self.live_before(at)?;
                if let Some(known) = self.live.get_mut(at)
                    && *known != live
                {
                    *known = live;
                    has_changed = true;
                }
            }
            if !has_changed {
                return Ok(());
            }
        }
    }

    fn live_before(&self, at: usize) -> Result<Locals> {
        let parent = self.parent(at);
        let to = |depth: u32| self.live(self.target(parent, depth));
        let next = || self.live(Target::Instruction(at + 1));
        let behind = |opened: Option<usize>| {
            let end = opened.and_then(|opened| self.end(opened)).context("a construct without its end")?;
            anyhow::Ok(self.live(Target::Instruction(end + 1)))
        };
        Ok(match self.operators.get(at).context("no such instruction")? {
            Operator::Return | Operator::Unreachable => Locals::default(),
            Operator::Br { relative_depth } => to(*relative_depth),
            Operator::BrIf { relative_depth } => next().with(&to(*relative_depth)),
            Operator::BrTable { targets } => {
                let mut live = to(targets.default());
                for depth in targets.targets() {
                    live = live.with(&to(depth?));
                }
                live
            }
            Operator::If { .. } => match self.otherwise(at) {
                Some(otherwise) => next().with(&self.live(Target::Instruction(otherwise + 1))),
                None => next().with(&behind(Some(at))?),
            },
            Operator::Else => behind(parent)?,
            Operator::LocalGet { local_index } => next().with_one(*local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                next().without(*local_index)
            }
            Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } | Operator::TryTable { .. } => {
                bail!("a branch of a kind that compilers of Rust do not write")
            }
            _ => next(),
        })
    }
}

/// What is on the stack above the beginning of the construct.
fn stack(validator: &wasmparser::FuncValidator<ValidatorResources>) -> Option<Vec<ValType>> {
    let frame = validator.get_control_frame(0)?;
    if frame.unreachable {
        return None;
    }
    let len = (validator.operand_stack_height() as usize).checked_sub(frame.height)?;
    (0..len).rev().map(|depth| validator.get_operand_type(depth)?).collect()
}

/// A set of local variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locals(Vec<u64>);

const BITS: u32 = u64::BITS;

impl Locals {
    fn with(mut self, other: &Locals) -> Locals {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
        self
    }

    /// With these, too.
    pub(crate) fn extend(&mut self, other: &Locals) {
        *self = std::mem::take(self).with(other);
    }

    /// With this one, too.
    pub(crate) fn with_one(mut self, local: u32) -> Locals {
        let word = (local / BITS) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (local % BITS);
        }
        self
    }

    fn without(mut self, local: u32) -> Locals {
        if let Some(bits) = self.0.get_mut((local / BITS) as usize) {
            *bits &= !(1 << (local % BITS));
        }
        self
    }

    /// Whether this one is there.
    pub(crate) fn contains(&self, local: u32) -> bool {
        self.0.get((local / BITS) as usize).is_some_and(|bits| bits & (1 << (local % BITS)) != 0)
    }
}

impl PartialEq for Locals {
    fn eq(&self, other: &Self) -> bool {
        let (short, long) =
            if self.0.len() < other.0.len() { (&self.0, &other.0) } else { (&other.0, &self.0) };
        long.starts_with(short) && long.iter().skip(short.len()).all(|bits| *bits == 0)
    }
}
