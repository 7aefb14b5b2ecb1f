//! Programs to divide: written by hand, and at random.

use fastrand::Rng;
use std::fmt::Write;

/// So long that a part with it is worth a call.
const PAD: &str = "(drop (i64.const 0x7123456789abcdef)) (drop (i64.const 0x7123456789abcdef)) \
                   (drop (i64.const 0x7123456789abcdef))";
/// No loop goes on for ever.
const BURN: &str = "(if (i32.eqz (global.get $fuel)) (then (unreachable))) \
                    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))";

/// A module whose function `f` has two parameters `$a` and `$b`, variables `$c`, `$l` and `$d`, and this body.
pub(super) fn program(results: &str, body: &str) -> String {
    let body = body.replace("PAD", PAD).replace("BURN", BURN);
    format!(
        "(module
            (memory (export \"memory\") 1)
            (table 2 funcref)
            (elem (i32.const 1) $twice)
            (type $number (func (param i32) (result i32)))
            (global $trace (export \"trace\") (mut i32) (i32.const 0))
            (global $fuel (mut i32) (i32.const 50))
            (func $f (export \"f\") (param $a i32) (param $b i32) {results} (local $c i32) (local $l i64) (local $d f64)
                {body})
            (func $note (param i32)
                (global.set $trace
                    (i32.add (i32.mul (global.get $trace) (i32.const 31)) (local.get 0))))
            (func $twice (param i32) (result i32) {PAD} {PAD} {PAD} {PAD} {PAD}
                (i32.mul (local.get 0) (i32.const 2))))"
    )
}

/// Where a branch may lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Empty,
    /// It takes a number along.
    Number,
}

/// Writes a program at random.
pub(super) struct Programs {
    random: Rng,
    text: String,
    /// The constructs around the place, the outermost first.
    labels: Vec<Label>,
    /// What the function returns, as one of [`RESULTS`].
    results: usize,
}

const RESULTS: [&str; 3] = ["", "(result i32)", "(result i64 i32)"];

impl Programs {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let results = random.usize(0..RESULTS.len());
        Programs { random, text: String::new(), labels: Vec::new(), results }
    }

    pub(super) fn write(mut self) -> String {
        self.statements(4);
        // All variables are read at the end.
        self.text += "(call $note (local.get $a)) (call $note (local.get $b)) (call $note (local.get $c))
            (call $note (i32.wrap_i64 (local.get $l))) (call $note (i32.trunc_sat_f64_s (local.get $d)))";
        let results = self.returned();
        program(RESULTS.get(self.results).unwrap(), &format!("{}{results}", self.text))
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..self.random.u32(1..5) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        let line = match self.random.u32(0..if depth == 0 { 8 } else { 14 }) {
            0 => format!("(local.set {} {})", self.variable(), self.number(2)),
            1 => format!("(local.set $l (i64.add (local.get $l) (i64.extend_i32_s {})))", self.number(1)),
            2 => format!("(local.set $d (f64.add (local.get $d) (f64.convert_i32_s {})))", self.number(1)),
            3 => format!("(call $note {})", self.number(2)),
            4 => format!("(call $note (i32.wrap_i64 (local.get $l))) {PAD}"),
            5 => format!("(i32.store8 (i32.const {}) {})", self.random.u32(0..64), self.number(2)),
            6 => PAD.to_owned(),
            7 => self.leave(),
            8 | 9 => return self.construct("block", Label::Empty, depth),
            10 => return self.repeat(depth),
            11 | 12 => return self.choice(depth),
            _ => return self.construct("local.set $c (block (result i32)", Label::Number, depth),
        };
        self.text += &line;
        self.text.push('\n');
    }

    fn construct(&mut self, opening: &str, label: Label, depth: u32) {
        let _ = write!(self.text, "({opening} ");
        self.labels.push(label);
        self.statements(depth - 1);
        self.labels.pop();
        if label == Label::Number {
            let number = self.number(1);
            self.text += &number;
            self.text.push(')');
        }
        self.text += ")\n";
    }

    fn repeat(&mut self, depth: u32) {
        let _ = write!(self.text, "(loop {BURN} ");
        self.labels.push(Label::Empty);
        self.statements(depth - 1);
        if self.random.bool() {
            let condition = self.number(2);
            let _ = write!(self.text, "(br_if 0 {condition})");
        }
        self.labels.pop();
        self.text += ")\n";
    }

    fn choice(&mut self, depth: u32) {
        let condition = self.number(2);
        let _ = write!(self.text, "(if {condition} (then ");
        self.labels.push(Label::Empty);
        self.statements(depth - 1);
        if self.random.bool() {
            self.text += ") (else ";
            self.statements(depth - 1);
        }
        self.labels.pop();
        self.text += "))\n";
    }

    /// A way out, conditional more often than not: behind another one nothing comes.
    fn leave(&mut self) -> String {
        let condition = self.number(2);
        let Some(place) = (!self.labels.is_empty()).then(|| self.random.usize(0..self.labels.len())) else {
            return format!("(if {condition} (then {PAD} (return {})))", self.returned());
        };
        let (depth, label) = (self.labels.len() - 1 - place, self.labels.get(place).copied());
        let is_number = label == Some(Label::Number);
        let value = if is_number { self.number(1) } else { String::new() };
        match self.random.u32(0..8) {
            0 => format!("(br {depth} {value})"),
            1 => format!("(return {})", self.returned()),
            2 => format!("(if {condition} (then {PAD} (return {})))", self.returned()),
            3 => format!("(if {condition} (then (call $note (i32.const 9)) {PAD} (unreachable)))"),
            4 | 5 if !is_number => {
                let count = self.labels.len();
                let is_empty = |depth: &usize| self.labels.get(count - 1 - depth) == Some(&Label::Empty);
                let depths: Vec<String> =
                    (0..count).filter(is_empty).map(|depth| depth.to_string()).collect();
                // Most times the table is in something that is skipped sometimes.
                let outer = depths.iter().map(|depth| (depth.parse::<usize>().unwrap() + 1).to_string());
                let outer: Vec<String> = outer.collect();
                format!(
                    "(if {condition} (then {PAD} (br_table {} 0 (i32.and {} (i32.const 7)))))",
                    outer.join(" "),
                    self.number(1)
                )
            }
            _ if is_number => format!("(drop (br_if {depth} {value} {condition}))"),
            _ => format!("(br_if {depth} {condition})"),
        }
    }

    fn returned(&mut self) -> String {
        match self.results {
            0 => String::new(),
            1 => self.number(1),
            _ => format!("(local.get $l) {}", self.number(1)),
        }
    }

    fn variable(&mut self) -> &'static str {
        self.random.choice(["$a", "$b", "$c"]).unwrap()
    }

    /// An expression.
    fn number(&mut self, depth: u32) -> String {
        match self.random.u32(0..if depth == 0 { 3 } else { 8 }) {
            0 => format!("(i32.const {})", self.random.i32(-3..9)),
            1 | 2 => format!("(local.get {})", self.variable()),
            3 => "(i32.trunc_sat_f64_s (local.get $d))".to_owned(),
            4 => format!("(local.tee {} {})", self.variable(), self.number(depth - 1)),
            5 => format!("(call_indirect (type $number) {} (i32.const 1))", self.number(depth - 1)),
            6 => format!("(i32.gt_s {} {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!("(i32.sub {} {})", self.number(depth - 1), self.number(depth - 1)),
        }
    }
}
