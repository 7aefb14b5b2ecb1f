//! What the first paint runs: recorded in a browser, and kept as a list in `web/later.txt`.
//!
//! `cargo xtask profile` builds the page once with a module that tells which blocks of its instructions run, shows it in
//! Chromium, and writes down the others: what has no part in showing the first messages. Only these leave the first
//! module, so a function that is new or has changed stays in it until the next recording; the size's limit says when
//! that is due.

use crate::flow::Blocks;
use crate::module::{Module, readable};
use crate::styles;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, EntityType, ImportSection, Instruction, ValType};
use wasmparser::FunctionBody;

/// Where the counting module reports to.
const MODULE: &str = "profile";

const HEAD: &str = "\
# What the first paint does without, and is fetched right after it. A line with one number is a function, as a hash of its
# name. A line with three is a function that runs in part: its name, its instructions, and the blocks of them that do not
# run, a bit each. `rule` is a rule of the style sheet, as a hash of its text. Written by `cargo xtask profile`; see xtask/page/src/profile.rs.
";

/// What the first paint does without.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Later {
    functions: BTreeSet<u32>,
    /// By a function's name and instructions.
    blocks: BTreeMap<(u32, u32), Vec<bool>>,
    /// Rules of the style sheet.
    rules: BTreeSet<u32>,
}

impl Later {
    /// From the list that was kept.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let mut later = Later::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let parse = |hash| u32::from_str_radix(hash, 16).with_context(|| format!("not a hash: {line}"));
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                [name] => {
                    later.functions.insert(parse(name)?);
                }
                ["rule", rule] => {
                    later.rules.insert(parse(rule)?);
                }
                [name, shape, blocks] => {
                    let blocks = bits(blocks).with_context(|| format!("not a list of blocks: {line}"))?;
                    later.blocks.insert((parse(name)?, parse(shape)?), blocks);
                }
                _ => bail!("neither a function nor its blocks: {line}"),
            }
        }
        Ok(later)
    }

    /// These functions.
    #[cfg(test)]
    pub(crate) fn functions<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Later { functions: names.into_iter().map(hash).collect(), ..Later::default() }
    }

    /// These blocks of a function.
    #[cfg(test)]
    pub(crate) fn blocks_of(name: &str, body: &FunctionBody<'_>, blocks: Vec<bool>) -> Result<Self> {
        let blocks = [((hash(name), shape(body)?.0), blocks)].into();
        Ok(Later { blocks, ..Later::default() })
    }

    /// From a recording: numbers of blocks as [`count`] gave them, and of rules as [`styles::count`] did, a line each.
    pub(crate) fn record(module: &Module<'_>, styles: &str, recorded: &str) -> Result<Self> {
        let (mut ran, mut applied) = (BTreeSet::<u32>::new(), BTreeSet::new());
        for line in recorded.lines() {
            let (numbers, number) = match line.strip_prefix("rule ") {
                Some(number) => (&mut applied, number),
                None => (&mut ran, line),
            };
            numbers.insert(number.parse().with_context(|| format!("not a number: {line}"))?);
        }
        let (mut later, mut first) = (Later::default(), 0);
        let mut called = BTreeSet::new();
        for (function, body) in module.defined() {
            let (shape, count) = shape(body)?;
            let blocks: Vec<bool> = (first..first + count).map(|block| !ran.contains(&block)).collect();
            first += count;
            let Some(name) = module.name(function).map(readable) else { continue };
            if ALLOCATOR.iter().any(|part| name.contains(part)) {
                continue;
            }
            let is_hashing = name.trim_start_matches('<').starts_with(HASH_TABLES);
            let name = fnv1a(START, name.as_bytes());
            if blocks.first() == Some(&true) {
                later.functions.insert(name);
                continue;
            }
            called.insert(name);
            if is_hashing {
                continue;
            }
            // Of functions that look the same, a block runs when it does in one of them.
            let known = later.blocks.entry((name, shape)).or_insert_with(|| vec![true; blocks.len()]);
            known.iter_mut().zip(blocks).for_each(|(known, block)| *known &= block);
        }
        later.functions.retain(|name| !called.contains(name));
        later.blocks.retain(|_, blocks| blocks.contains(&true));
        Ok(later.with_rules(&styles::others(styles, |rule| applied.contains(&rule))))
    }

    /// With these rules of the style sheet.
    pub(crate) fn with_rules(mut self, rules: &[String]) -> Self {
        self.rules.extend(rules.iter().map(|rule| fnv1a(START, rule.as_bytes())));
        self
    }

    /// As it is kept.
    pub(crate) fn write(&self) -> String {
        let functions = self.functions.iter().map(|hash| format!("{hash:08x}\n"));
        let blocks = self.blocks.iter().map(|((name, shape), blocks)| {
            let digits = blocks.chunks(4).map(|four| {
                let digit = four.iter().rev().fold(0, |digit, bit| digit * 2 + u32::from(*bit));
                char::from_digit(digit, 16).unwrap_or('0')
            });
            format!("{name:08x} {shape:08x} {}\n", digits.collect::<String>())
        });
        let rules = self.rules.iter().map(|hash| format!("rule {hash:08x}\n"));
        HEAD.to_owned() + &functions.chain(blocks).chain(rules).collect::<String>()
    }

    /// Whether this function is not called.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.functions.contains(&hash(name))
    }

    /// Whether nothing at the first paint looks as this rule says.
    pub(crate) fn contains_rule(&self, rule: &str) -> bool {
        self.rules.contains(&fnv1a(START, rule.as_bytes()))
    }

    /// Which blocks of a function that is called do not run; `None` if the function is another one than it was.
    pub(crate) fn blocks(&self, name: &str, body: &FunctionBody<'_>) -> Result<Option<&[bool]>> {
        Ok(self.blocks.get(&(hash(name), shape(body)?.0)).map(Vec::as_slice))
    }
}

/// Four to a digit, the lowest bit first.
fn bits(digits: &str) -> Option<Vec<bool>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    Some(digits?.into_iter().flat_map(|digit| (0..4).map(move |bit| digit & (1 << bit) != 0)).collect())
}

/// Of the name without what differs between builds.
fn hash(name: &str) -> u32 {
    fnv1a(START, readable(name).as_bytes())
}

/// What is in the names of the allocator's functions. What of it runs differs from visit to visit: all of it is needed.
const ALLOCATOR: [&str; 2] = ["rlsf", "__rust_"];

/// How the names of hash tables' functions begin. Which blocks of them run depends on the topics there are: a function that is
/// called is needed as a whole.
const HASH_TABLES: &str = "hashbrown::";

const START: u32 = 0x811c_9dc5;

/// FNV-1a, 32 bits.
fn fnv1a(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A hash of a function's instructions without their numbers, which differ whenever anything else changes; and how many
/// blocks they are.
fn shape(body: &FunctionBody<'_>) -> Result<(u32, u32)> {
    let (mut hash, mut blocks) = (START, Blocks::default());
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        blocks.add(&operator);
        let text = format!("{operator:?}");
        let name = text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        hash = fnv1a(hash, name.as_bytes());
    }
    Ok((hash, blocks.count()))
}

/// The module with each block of instructions telling its number to JavaScript when it runs.
pub(crate) fn count(bytes: &[u8]) -> Result<Vec<u8>> {
    let module = Module::parse(bytes)?;
    let types = u32::try_from(module.types.len())?;
    let mut counting = Counting { import: module.first_defined(), types, blocks: 0 };
    let mut written = wasm_encoder::Module::new();
    counting
        .parse_core_module(&mut written, wasmparser::Parser::new(0), bytes)
        .map_err(|error| anyhow!("{error}"))?;
    Ok(written.finish())
}

/// The page's script, hearing what is called, and looking which rules apply. The page stays as it is at its first paint.
pub(crate) fn listening(script: &str) -> Result<String> {
    let (before, after) =
        script.split_once(REST_IMPORT).context("the loader's imports are not where they were")?;
    let (between, after) = after.split_once(SHOWN).context("the loader waits for something else")?;
    Ok(format!(
        "{before}globalThis.tabmqRan = [];\nimports.{MODULE} = {{ ran: (block) => {{ tabmqRan[block] = true; }} }};\n\
         {}{REST_IMPORT}{between}\"never\"{after}",
        LOOK.replace("RULE", styles::RULE)
    ))
}

/// Looks at every change which rules apply to something. What browsers add to elements cannot be asked for: where that
/// is all that a rule speaks of, it is taken as needed.
const LOOK: &str = r#"globalThis.tabmqRules = [];
const applies = (selector) => {
try { return document.querySelector(selector.replace(/::[a-z-]+/g, "")); } catch { return true; }
};
const lookAtRules = () => {
for (const rule of [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])) {
const number = rule.style?.getPropertyValue("RULE");
if (number && !tabmqRules[+number] && applies(rule.selectorText)) tabmqRules[+number] = true;
}
};
lookAtRules();
new MutationObserver(lookAtRules).observe(document, { subtree: true, childList: true, attributes: true });
"#;

/// Lines of the loader.
const REST_IMPORT: &str = "imports.rest = ";
const SHOWN: &str = "\"tabmq-shown\"";

struct Counting {
    /// The number of the function that is told.
    import: u32,
    /// The number of its type.
    types: u32,
    /// How many blocks there were in the functions before.
    blocks: u32,
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
        imports.import(MODULE, "ran", EntityType::Function(self.types));
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Outcome<()> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut blocks = Blocks::default();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if let Some((block, true)) = blocks.add(&operator) {
                function.instruction(&Instruction::I32Const((self.blocks + block).cast_signed()));
                function.instruction(&Instruction::Call(self.import));
            }
            function.instruction(&self.instruction(operator)?);
        }
        self.blocks += blocks.count();
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
        let blocks = vec![false, true, true, false, true, false, false, false];
        let later = Later {
            functions: [1, 0xffff_ffff].into(),
            blocks: [((2, 3), blocks)].into(),
            ..Later::default()
        };
        let later = later.with_rules(&[String::new()]);
        let text = later.write();
        assert!(text.ends_with("00000001\nffffffff\n00000002 00000003 61\nrule 811c9dc5\n"), "{text}");
        assert_eq!(Later::read(&text).unwrap(), later);
        assert!(Later::read("no hash").is_err());
    }
}
