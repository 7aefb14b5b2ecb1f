//! Runs modules as a browser does.

use crate::stages::Stages;
use wasmi::{Caller, Engine, Extern, Instance, Linker, Module, Nullable, Ref, Store, Val};

/// What a program has done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What it returned; `None` if it ended otherwise.
    pub(super) returned: Option<String>,
    trace: String,
    memory: Vec<u8>,
}

/// Runs a whole program.
pub(super) fn run(bytes: &[u8], arguments: (i32, i32)) -> Outcome {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Rest::default());
    let module = Module::new(&engine, bytes).unwrap();
    let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
    outcome(&mut store, instance, ["f", "trace", "memory"], arguments)
}

/// Runs a divided one; says whether it has needed the rest.
pub(super) fn run_divided(stages: &Stages, arguments: (i32, i32)) -> (Outcome, bool) {
    let engine = Engine::default();
    let rest = Module::new(&engine, &stages.rest).unwrap();
    let mut store = Store::new(&engine, Rest { module: Some(rest), is_there: false });
    let first = Module::new(&engine, &stages.first).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("rest", "load", load).unwrap();
    let instance = linker.instantiate_and_start(&mut store, &first).unwrap();
    let outcome = outcome(&mut store, instance, ["e1", "e0", "memory"], arguments);
    (outcome, store.data().is_there)
}

/// What is fetched when it is needed.
#[derive(Default)]
struct Rest {
    module: Option<Module>,
    is_there: bool,
}

/// What `loader.js` does.
fn load(mut caller: Caller<'_, Rest>) {
    assert!(!caller.data().is_there, "the rest is loaded twice");
    let rest = caller.data().module.clone().unwrap();
    let mut linker = Linker::new(caller.engine());
    let Some(Extern::Table(table)) = caller.get_export("t0") else { panic!("no table") };
    for import in rest.imports() {
        let value = match import.module() {
            "s" => caller.get_export(import.name()).unwrap(),
            _ => match table.get(&caller, import.name().parse().unwrap()) {
                Some(Ref::Func(Nullable::Val(function))) => Extern::Func(function),
                other => panic!("place {} has {other:?}", import.name()),
            },
        };
        linker.define(import.module(), import.name(), value).unwrap();
    }
    linker.instantiate_and_start(&mut caller, &rest).unwrap();
    let Some(Extern::Global(whole)) = caller.get_export("whole") else { panic!("no such global") };
    whole.set(&mut caller, Val::I32(1)).unwrap();
    caller.data_mut().is_there = true;
}

fn outcome(
    store: &mut Store<Rest>,
    instance: Instance,
    [function, trace, memory]: [&str; 3],
    (a, b): (i32, i32),
) -> Outcome {
    let function = instance.get_func(&*store, function).unwrap();
    let ty = function.ty(&*store);
    let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
    let returned = function.call(&mut *store, &[Val::I32(a), Val::I32(b)], &mut results);
    let trace = instance.get_global(&*store, trace).unwrap().get(&*store);
    let memory = instance.get_memory(&*store, memory).unwrap().data(&*store);
    Outcome {
        returned: returned.ok().map(|()| format!("{results:?}")),
        trace: format!("{trace:?}"),
        memory: memory.iter().take(64).copied().collect(),
    }
}
