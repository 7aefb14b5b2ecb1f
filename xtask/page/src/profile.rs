//! What the first paint runs: recorded in a browser, and kept as a list in `web/later.txt`.
//!
//! `cargo xtask profile` builds the page once with a module that counts which of its functions are called, shows it in
//! Chromium, and writes down the others: what has no part in showing the first messages. Only these leave the first
//! module, so a function that is new or was renamed stays in it until the next recording; the size's limit says when
//! that is due.

use crate::module::{Module, readable};
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeSet;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, EntityType, ImportSection, Instruction, ValType};

/// Where the counting module reports to.
const MODULE: &str = "profile";

const HEAD: &str = "\
# The functions that the first paint does without, as hashes of their names: they are fetched right after it.
# Written by `cargo xtask profile`; see xtask/page/src/profile.rs.
";

/// Functions that the first paint does without.
#[derive(Debug, Default)]
pub(crate) struct Later(BTreeSet<u32>);

impl Later {
    /// From the list that was kept.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let parse = |line: &str| u32::from_str_radix(line, 16).with_context(|| format!("not a hash: {line}"));
        Ok(Later(lines.map(parse).collect::<Result<_>>()?))
    }

    /// From a recording: `called` are numbers as [`count`] gave them, a line each.
    pub(crate) fn record(module: &Module<'_>, called: &str) -> Result<Self> {
        let mut was_called = BTreeSet::new();
        for line in called.split_whitespace() {
            let function: u32 = line.parse().with_context(|| format!("not a number: {line}"))?;
            was_called.extend(module.name(function).map(hash));
        }
        let all = module.defined().filter_map(|(function, _)| module.name(function)).map(hash);
        Ok(Later(all.filter(|name| !was_called.contains(name)).collect()))
    }

    /// As it is kept.
    pub(crate) fn write(&self) -> String {
        let lines = self.0.iter().map(|hash| format!("{hash:08x}\n"));
        HEAD.chars().chain(lines.collect::<String>().chars()).collect()
    }

    /// Whether this function is one of them.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains(&hash(name))
    }
}

/// FNV-1a, 32 bits, of the name without what differs between builds.
fn hash(name: &str) -> u32 {
    readable(name).bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The module with each function telling its number to JavaScript when it is called.
pub(crate) fn count(bytes: &[u8]) -> Result<Vec<u8>> {
    let module = Module::parse(bytes)?;
    let mut counting = Counting { import: module.first_defined(), types: u32::try_from(module.types.len())? };
    let mut written = wasm_encoder::Module::new();
    counting
        .parse_core_module(&mut written, wasmparser::Parser::new(0), bytes)
        .map_err(|error| anyhow!("{error}"))?;
    Ok(written.finish())
}

/// The page's script, hearing what is called. The page stays as it is at its first paint.
pub(crate) fn listening(script: &str) -> Result<String> {
    let (before, after) =
        script.split_once(REST_IMPORT).context("the loader's imports are not where they were")?;
    let (between, after) = after.split_once(SHOWN).context("the loader waits for something else")?;
    Ok(format!(
        "{before}globalThis.tabmqCalled = new Set();\nimports.{MODULE} = {{ called: (f) => tabmqCalled.add(f) }};\n\
         {REST_IMPORT}{between}\"never\"{after}"
    ))
}

/// Lines of the loader.
const REST_IMPORT: &str = "imports.rest = ";
const SHOWN: &str = "\"tabmq-shown\"";

struct Counting {
    /// The number of the function that is told.
    import: u32,
    /// The number of its type.
    types: u32,
}

type Outcome<T> = Result<T, reencode::Error>;

impl Reencode for Counting {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Outcome<u32> {
        Ok(if function < self.import { function } else { function + 1 })
    }

    fn parse_type_section(
        &mut self,
        types: &mut wasm_encoder::TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Outcome<()> {
        reencode::utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Outcome<()> {
        reencode::utils::parse_import_section(self, imports, section)?;
        imports.import(MODULE, "called", EntityType::Function(self.types));
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Outcome<()> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let number = self.import + code.len();
        function.instruction(&Instruction::I32Const(number.cast_signed()));
        function.instruction(&Instruction::Call(self.import));
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&self.instruction(operators.read()?)?);
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_every_build() {
        let name = |hash: &str| format!("_ZN3std2io5Write9write_all17h{hash}E");
        assert_eq!(readable(&name("0123456789abcdef")), "std::io::Write::write_all");
        assert_eq!(hash(&name("0123456789abcdef")), hash(&name("fedcba9876543210")));
        assert_eq!(hash(""), 0x811c_9dc5);
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let later = Later([1, 0xffff_ffff].into());
        let text = later.write();
        assert!(text.ends_with("00000001\nffffffff\n"), "{text}");
        assert_eq!(Later::read(&text).unwrap().0, later.0);
        assert!(Later::read("no hash").is_err());
    }
}
