//! Programs run before and after they were divided, in an interpreter: whichever of their blocks are elsewhere, they do
//! the same.

mod machine;
mod programs;

use super::*;
use crate::flow;
use crate::module::Module;
use crate::names::Names;
use crate::plan::Plan;
use crate::profile::Later;
use crate::relocations::Constants;
use crate::stages::divide;
use machine::{Outcome, run, run_divided};
use programs::{Programs, program};
use std::collections::BTreeSet;

/// What the function is called with.
const ARGUMENTS: [(i32, i32); 6] = [(0, 0), (1, 0), (2, 5), (3, -1), (7, 1), (-4, 3)];

/// A program, and what it does when it is whole.
struct Subject {
    bytes: Vec<u8>,
    outcomes: Vec<Outcome>,
}

impl Subject {
    fn new(text: &str) -> Self {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let outcomes = ARGUMENTS.iter().map(|arguments| run(&bytes, *arguments)).collect();
        Subject { bytes, outcomes }
    }

    fn flow(&self) -> Flow<'_> {
        flow::read(&self.bytes, |function| function == 0).unwrap().remove(&0).unwrap()
    }

    /// Has these blocks elsewhere, and runs it again; returns how often what is elsewhere was needed.
    fn check(&self, cold: &[bool]) -> usize {
        let module = Module::parse(&self.bytes).unwrap();
        let later = Later::blocks_of("f", module.body(0).unwrap(), cold.to_vec()).unwrap();
        let names = Names::new(&module, "f trace memory", Vec::new());
        let constants = Constants::default();
        let mut plan = Plan::new(&module, &later, &constants, "f trace memory").unwrap();
        let mut loaded = 0;
        // With calls where they stand, and by functions.
        for seldom in [u32::MAX, 0] {
            plan.seldom_calls = seldom;
            let stages = divide(&module, &plan, &constants, &names).unwrap();
            loaded = 0;
            for (arguments, whole) in ARGUMENTS.iter().zip(&self.outcomes) {
                let (outcome, has_loaded) = run_divided(&stages, *arguments);
                assert_eq!(outcome, *whole, "with {arguments:?}, when these are elsewhere: {cold:?}");
                loaded += usize::from(has_loaded);
            }
        }
        loaded
    }
}

/// Checks a function with this body in all divisions; returns the ways in which its parts can be left.
fn check_all(results: &str, body: &str) -> BTreeSet<Vec<Exit>> {
    let text = program(results, body);
    let subject = Subject::new(&text);
    let flow = subject.flow();
    let count = flow.blocks.iter().flatten().max().unwrap() + 1;
    assert!(count <= 10, "too many blocks to try all divisions: {count}");
    let (mut exits, mut loaded) = (BTreeSet::new(), 0);
    for division in 0..1u32 << count {
        let cold: Vec<bool> = (0..count).map(|block| division & (1 << block) != 0).collect();
        exits.extend(parts(&flow, &cold).unwrap().into_iter().map(|part| part.exits));
        loaded += subject.check(&cold);
    }
    assert!(loaded > 0, "no part was ever called");
    exits
}

#[test]
fn what_a_part_changes_comes_back() {
    let exits = check_all(
        "(result i32)",
        "(if (local.get $a) (then PAD
            (local.set $c (i32.add (local.get $a) (local.get $b)))
            (local.set $l (i64.const 7))
            (if (i32.gt_s (local.get $a) (i32.const 1)) (then PAD (local.set $b (i32.const 40))))))
         (call $note (local.get $c)) (call $note (local.get $b)) (call $note (i32.wrap_i64 (local.get $l)))
         (local.get $a)",
    );
    assert!(exits.contains(&vec![Exit::Next]), "{exits:?}");
}

#[test]
fn a_part_is_left_in_several_ways() {
    let exits = check_all(
        "(result i32)",
        "(block $out (block $in
            (br_if $in (i32.eqz (local.get $a))) PAD
            (br_if $out (i32.eq (local.get $a) (i32.const 1))) PAD
            (if (i32.eq (local.get $a) (i32.const 2)) (then PAD (return (i32.const 99))))
            (local.set $c (i32.const 5)))
            (call $note (i32.const 1)))
         (call $note (local.get $c)) (local.get $b)",
    );
    assert!(exits.contains(&vec![Exit::Next, Exit::Branch(0), Exit::Branch(1), Exit::Return]), "{exits:?}");
    assert!(exits.contains(&vec![Exit::Return]), "{exits:?}");
}

#[test]
fn a_part_may_return_or_not() {
    let exits = check_all(
        "(result i64 i32)",
        "(if (local.get $a) (then PAD (local.set $b (i32.const 8))
            (if (i32.gt_s (local.get $a) (i32.const 2)) (then PAD (return (i64.const 5) (local.get $a))))
            (local.set $l (i64.const 1))))
         (local.get $l) (local.get $b)",
    );
    assert!(exits.contains(&vec![Exit::Next, Exit::Return]), "{exits:?}");
}

#[test]
fn a_part_leads_back_into_a_loop() {
    let exits = check_all(
        "",
        "(loop $again BURN
            (call $note (local.get $b))
            (if (i32.gt_s (local.get $a) (i32.const 0)) (then PAD
                (local.set $a (i32.sub (local.get $a) (i32.const 1)))
                (local.set $b (i32.add (local.get $b) (local.get $c)))
                (local.set $c (i32.add (local.get $c) (i32.const 3)))
                (br_if $again (i32.ne (local.get $a) (i32.const 2)))
                (call $note (i32.const 77))
                (return)))
            (call $note (local.get $c)))",
    );
    assert!(exits.contains(&vec![Exit::Branch(1), Exit::Branch(2)]), "{exits:?}");
}

/// Checks such a function in all divisions; returns how many ways the choices had elsewhere that were one part.
fn check_choice(results: &str, body: &str) -> BTreeSet<usize> {
    check_all(results, body);
    let text = program(results, body);
    let subject = Subject::new(&text);
    let flow = subject.flow();
    let count = flow.blocks.iter().flatten().max().unwrap() + 1;
    let divisions = (0..1u32 << count).flat_map(|division| {
        let cold: Vec<bool> = (0..count).map(|block| division & (1 << block) != 0).collect();
        parts(&flow, &cold).unwrap()
    });
    divisions.filter_map(|part| Some(part.switch?.ways.len())).collect()
}

#[test]
fn a_choice_has_its_ways_elsewhere() {
    let ways = check_choice(
        "(result i32)",
        "(block $out
            (block $d (block $c (block $b (block $a
                (local.set $c (i32.and (local.get $a) (i32.const 7)))
                (br_table $a $b $c $out $d (local.get $c)))
             (call $note (i32.const 3)) (local.set $b (i32.const 9)) (br $out))
             (call $note (local.get $b)) (br $out))
             (call $note (i32.const 4)) (local.set $l (i64.const 5)))
            (call $note (i32.const 8)) (br $out))
         (call $note (local.get $c)) (call $note (i32.wrap_i64 (local.get $l))) (local.get $b)",
    );
    // $d is also reached from the way before it.
    assert_eq!(ways, [3].into());
}

#[test]
fn ways_of_a_choice_lead_anywhere() {
    let ways = check_choice(
        "(result i32)",
        "(loop $again BURN
            (block $out
                (block $c (block $b (block $a
                    (br_table $a $b $c $out (local.get $a)))
                 (local.set $a (i32.const 2)) (br $again))
                 (call $note (local.get $b)) (return (i32.const 4)))
                (call $note (local.get $a)) (local.set $b (i32.const 6)) (unreachable)))
         (call $note (local.get $a)) (local.get $b)",
    );
    assert_eq!(ways, [3].into());
}

#[test]
fn a_choice_that_cannot_be_made_twice_stays() {
    let choice = |before: &str| {
        let body = format!(
            "(block $out (block $c (block $b (block $a {before} (br_table $a $b $c $out (local.get $a)))
                (call $note (i32.const 1)) (br $out)) (call $note (i32.const 2)) (br $out))
             (call $note (i32.const 3)) (br $out))"
        );
        check_choice("", &body)
    };
    assert_eq!(choice("(local.set $c (i32.const 3))"), [3].into());
    assert_eq!(choice("(local.set $a (i32.add (local.get $a) (i32.const 1)))"), BTreeSet::new());
    assert_eq!(choice("(call $note (i32.const 5))"), BTreeSet::new());
}

/// What a part changes is read where the loop begins again, and nowhere else.
#[test]
fn what_a_part_changes_is_there_in_the_next_round() {
    check_all(
        "",
        "(loop $again BURN
            (call $note (local.get $b))
            (if (i32.eq (local.get $a) (i32.const 2)) (then PAD (local.set $b (i32.const 50))))
            (local.set $a (i32.sub (local.get $a) (i32.const 1)))
            (br_if $again (i32.gt_s (local.get $a) (i32.const 0))))",
    );
}

#[test]
fn a_loop_may_be_in_a_part() {
    check_all(
        "(result i32)",
        "(if (i32.gt_s (local.get $a) (i32.const 0)) (then
            (loop $again BURN PAD
                (local.set $c (i32.add (i32.mul (local.get $c) (i32.const 2)) (local.get $a)))
                (local.set $a (i32.sub (local.get $a) (i32.const 1)))
                (br_if $again (local.get $a)))
            (call $note (local.get $a))))
         (local.get $c)",
    );
}

#[test]
fn a_part_leads_to_many_places() {
    let exits = check_all(
        "(result i32)",
        "(block $x (block $y (block $z
            (if (i32.ge_s (local.get $a) (i32.const 0)) (then PAD
                (local.set $b (i32.add (local.get $b) (i32.const 10)))
                (br_table $x $y $z $y (local.get $a))))
            (call $note (i32.const 1)))
            (call $note (i32.const 2)))
            (call $note (local.get $b)))
         (local.get $b)",
    );
    assert!(exits.contains(&vec![Exit::Branch(1), Exit::Branch(2), Exit::Branch(3)]), "{exits:?}");
}

#[test]
fn a_part_leaves_values_to_what_follows() {
    let exits = check_all(
        "(result i32)",
        "(i32.add
            (if (result i32) (i32.gt_s (local.get $a) (i32.const 1))
                (then PAD (local.set $b (i32.const 4)) (i32.mul (local.get $a) (i32.const 3)))
                (else PAD (local.set $c (local.get $a)) (i32.const 6)))
            (i32.sub (local.get $b) (local.get $c)))",
    );
    assert!(exits.contains(&vec![Exit::Next]), "{exits:?}");
}

#[test]
fn a_part_may_end_the_program() {
    let exits = check_all(
        "(result i32)",
        "(if (i32.eq (local.get $a) (i32.const 7)) (then PAD (call $note (i32.const 3)) (unreachable)))
         (call $note (i32.const 4)) (local.get $b)",
    );
    assert!(exits.contains(&vec![]), "{exits:?}");
}

/// A variable that a part changes on one of its ways only is given to it as well.
#[test]
fn what_a_part_does_not_change_stays() {
    check_all(
        "(result i32)",
        "(local.set $c (i32.const 12))
         (if (i32.ge_s (local.get $a) (i32.const 0)) (then PAD
            (if (i32.eq (local.get $a) (i32.const 2)) (then (local.set $c (i32.const 13))))
            (call $note (i32.const 1))))
         (local.get $c)",
    );
}

/// Programs that nobody would write, the same ones each time.
#[test]
fn programs_of_all_kinds_do_the_same() {
    let mut random = fastrand::Rng::with_seed(20_26);
    let (mut loaded, mut ended, mut shapes) = (0, 0, BTreeSet::new());
    for seed in 0..60 {
        let text = Programs::new(seed).write();
        let subject = Subject::new(&text);
        ended += subject.outcomes.iter().filter(|outcome| outcome.returned.is_some()).count();
        let flow = subject.flow();
        let count = flow.blocks.iter().flatten().max().unwrap() + 1;
        for share in [3, 6, 9, 10] {
            let cold: Vec<bool> = (0..count).map(|_| random.u32(0..10) < share).collect();
            shapes.extend(parts(&flow, &cold).unwrap().into_iter().map(|part| part.exits));
            loaded += subject.check(&cold);
        }
    }
    assert!(
        ended > 200 && loaded > 500 && shapes.len() > 20,
        "{ended} programs came to their end; parts were needed {loaded} times, and are of {shapes:?}"
    );
}
