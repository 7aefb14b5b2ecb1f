//! Which function and which constant refers to which constant, as the linker has written it down.
//!
//! Places in the source ([`std::panic::Location`]) do not count as needed: only what reports a panic reads them, and that
//! is not in the first module.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use wasmparser::{
    DataKind, KnownCustom, Linking, Name, Parser, Payload, RelocSectionReader, RelocationType, SymbolInfo,
};

/// What functions lead to.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Where constants begin.
    pub(crate) constants: HashSet<u32>,
    /// Places in the table of functions.
    pub(crate) places: HashSet<u32>,
}

/// Addresses of constants, and who needs which.
#[derive(Default)]
pub(crate) struct Constants {
    /// The linker makes a piece of data of each constant.
    pieces: Vec<Range<u32>>,
    /// The same, without the empty ones.
    sorted: Vec<Range<u32>>,
    /// By the functions' names: the numbers that stand in their code, and the pieces that these lead to.
    of_functions: HashMap<String, HashSet<(u32, usize)>>,
    of_pieces: HashMap<usize, HashSet<usize>>,
    /// The same for functions that are meant by their places in the table: their names.
    places_of_functions: HashMap<String, HashSet<String>>,
    places_of_pieces: HashMap<usize, HashSet<String>>,
    /// Pieces of which nobody is known to need them.
    unknown: Vec<usize>,
}

impl Constants {
    /// From a module that was linked with `--emit-relocs` and `--no-merge-data-segments`.
    pub(crate) fn read(module: &[u8]) -> Result<Self> {
        let raw = Raw::read(module)?;
        let mut constants = Constants { pieces: raw.pieces.clone(), ..Constants::default() };
        let places = raw.places_in_sources();
        for (offset, piece, number) in raw.code.iter().filter(|(_, piece, _)| !places.contains(piece)) {
            if let Some(name) = raw.function_at(*offset) {
                constants.of_functions.entry(name.clone()).or_default().insert((*number, *piece));
            }
        }
        for (offset, piece) in raw.data.iter().filter(|(_, piece)| !places.contains(piece)) {
            constants.of_pieces.entry(raw.piece_at(*offset)).or_default().insert(*piece);
        }
        for (offset, place) in &raw.places_in_code {
            if let (Some(name), Some(meant)) = (raw.function_at(*offset), raw.function_in(*place)) {
                constants.places_of_functions.entry(name.clone()).or_default().insert(meant.clone());
            }
        }
        for (offset, place) in &raw.places_in_data {
            if let Some(meant) = raw.function_in(*place) {
                constants.places_of_pieces.entry(raw.piece_at(*offset)).or_default().insert(meant.clone());
            }
        }
        let in_code = raw.code.iter().map(|(_, piece, _)| *piece);
        let known: HashSet<usize> = in_code.chain(raw.data.iter().map(|(_, piece)| *piece)).collect();
        constants.unknown = (0..raw.pieces.len()).filter(|piece| !known.contains(piece)).collect();
        constants.sorted = raw.pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        constants.sorted.sort_by_key(|piece| piece.start);
        Ok(constants)
    }

    /// What these functions lead to, and the constants of which nobody is known to need them. Of a function that is
    /// there in part, with the numbers that stand in it. `places` are the functions' own, by their names: the splitter
    /// has changed them.
    pub(crate) fn needed_by<'n>(
        &self,
        functions: impl IntoIterator<Item = (&'n str, Option<HashSet<u32>>)>,
        places: &HashMap<&str, Vec<u32>>,
    ) -> Needed {
        let (mut needed, mut waiting) = (Needed::default(), Vec::new());
        for (name, numbers) in functions {
            let all = self.of_functions.get(name).into_iter().flatten();
            let is_there = |number| numbers.as_ref().is_none_or(|numbers| numbers.contains(number));
            waiting.extend(all.filter(|(number, _)| is_there(number)).map(|(_, piece)| *piece));
            let meant = self.places_of_functions.get(name).into_iter().flatten();
            let meant = meant.filter_map(|name| places.get(name.as_str())).flatten();
            needed.places.extend(meant.filter(|place| is_there(place)));
        }
        waiting.extend(&self.unknown);
        let mut pieces = HashSet::new();
        while let Some(piece) = waiting.pop() {
            if pieces.insert(piece) {
                waiting.extend(self.of_pieces.get(&piece).into_iter().flatten());
                let meant = self.places_of_pieces.get(&piece).into_iter().flatten();
                needed.places.extend(meant.filter_map(|name| places.get(name.as_str())).flatten());
            }
        }
        let pieces = pieces.into_iter().filter_map(|piece| self.pieces.get(piece));
        needed.constants.extend(pieces.map(|piece| piece.start));
        needed
    }

    /// The addresses of all constants, in order.
    pub(crate) fn all(&self) -> &[Range<u32>] {
        &self.sorted
    }
}

/// What the sections say, before it is brought together.
#[derive(Default)]
struct Raw<'m> {
    /// The pieces' bytes.
    bytes: Vec<&'m [u8]>,
    pieces: Vec<Range<u32>>,
    /// Where the pieces' bytes are in their section.
    contents: Vec<Range<u32>>,
    /// Where functions' bodies are in their section.
    bodies: Vec<(Range<u32>, u32)>,
    names: HashMap<u32, String>,
    /// The table of functions.
    table: BTreeMap<u32, u32>,
    /// By symbol: the piece that it is in.
    symbols: Vec<Option<usize>>,
    /// Where in the section a piece is meant, and in code also the number that stands there.
    code: Vec<(u32, usize, u32)>,
    data: Vec<(u32, usize)>,
    /// Where a place in the table of functions is meant, and which.
    places_in_code: Vec<(u32, u32)>,
    places_in_data: Vec<(u32, u32)>,
}

impl<'m> Raw<'m> {
    fn read(module: &'m [u8]) -> Result<Self> {
        let mut raw = Raw::default();
        let (mut code_start, mut data_start, mut imported) = (0, 0, 0);
        let mut relocations: Vec<(bool, RelocSectionReader<'_>)> = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionStart { range, .. } => code_start = range.start,
                Payload::CodeSectionEntry(body) => {
                    let function = imported + u32::try_from(raw.bodies.len())?;
                    raw.bodies.push((relative(&body.range(), code_start)?, function));
                }
                Payload::ElementSection(elements) => {
                    raw.table = crate::plan::table(&elements.into_iter().collect::<Result<Vec<_>, _>>()?)?;
                }
                Payload::DataSection(data) => {
                    data_start = data.range().start;
                    raw.data_section(data)?;
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Name(names) => raw.name_section(names)?,
                    KnownCustom::Linking(linking) => raw.linking_section(linking)?,
                    KnownCustom::Reloc(reader) => relocations.push((section.name() == "reloc.CODE", reader)),
                    _ => {}
                },
                _ => {}
            }
        }
        for (is_code, reader) in relocations {
            let start = if is_code { code_start } else { data_start };
            raw.relocation_section(
                is_code,
                module.get(usize::try_from(start)?..).unwrap_or_default(),
                reader,
            )?;
        }
        Ok(raw)
    }

    fn data_section(&mut self, data: wasmparser::DataSectionReader<'m>) -> Result<()> {
        let start = data.range().start;
        for data in data {
            let data = data?;
            self.bytes.push(data.data);
            let DataKind::Active { offset_expr, .. } = &data.kind else {
                self.pieces.push(0..0);
                self.contents.push(relative(&data.range, start)?);
                continue;
            };
            let address = crate::module::constant(offset_expr)?;
            self.pieces.push(address..address + u32::try_from(data.data.len())?);
            self.contents.push(relative(&data.range, start)?);
        }
        Ok(())
    }

    fn name_section(&mut self, names: wasmparser::NameSectionReader<'_>) -> Result<()> {
        for name in names {
            let Name::Function(functions) = name? else { continue };
            for function in functions {
                let function = function?;
                self.names.insert(function.index, function.name.to_owned());
            }
        }
        Ok(())
    }

    fn linking_section(&mut self, linking: wasmparser::LinkingSectionReader<'_>) -> Result<()> {
        for part in linking {
            let Linking::SymbolTable(symbols) = part? else { continue };
            for symbol in symbols {
                self.symbols.push(match symbol? {
                    SymbolInfo::Data { symbol: Some(place), .. } => Some(usize::try_from(place.index)?),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn relocation_section(
        &mut self,
        is_code: bool,
        content: &[u8],
        reader: RelocSectionReader<'_>,
    ) -> Result<()> {
        for entry in reader.entries() {
            let entry = entry?;
            let at = content.get(entry.offset as usize..);
            match entry.ty {
                RelocationType::TableIndexSleb => {
                    let place = at.and_then(number).context("a place in the table that is cut")?;
                    self.places_in_code.push((entry.offset, place));
                }
                RelocationType::TableIndexI32 => {
                    let place =
                        at.and_then(|at| at.first_chunk()).context("a place in the table that is cut")?;
                    self.places_in_data.push((entry.offset, u32::from_le_bytes(*place)));
                }
                ty if is_address(ty) => {
                    // A symbol without a place has the address zero: it is not there.
                    let Some(Some(piece)) = self.symbols.get(usize::try_from(entry.index)?) else { continue };
                    if is_code {
                        let number = at.and_then(number).context("an address that is cut")?;
                        self.code.push((entry.offset, *piece, number));
                    } else {
                        self.data.push((entry.offset, *piece));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The name of the function whose body this is in.
    fn function_at(&self, offset: u32) -> Option<&String> {
        let at = self.bodies.partition_point(|(range, _)| range.end <= offset);
        self.names.get(&self.bodies.get(at)?.1)
    }

    /// The name of the function in a place.
    fn function_in(&self, place: u32) -> Option<&String> {
        self.names.get(self.table.get(&place)?)
    }

    /// The piece whose bytes these are in.
    fn piece_at(&self, offset: u32) -> usize {
        self.contents.partition_point(|range| range.end <= offset)
    }
}

impl Raw<'_> {
    /// The pieces that are a name of a file, its length, a line and a column.
    fn places_in_sources(&self) -> HashSet<usize> {
        const BYTES: u32 = 16;
        let mut names: HashMap<usize, Vec<(u32, usize)>> = HashMap::new();
        for (offset, target) in &self.data {
            let at = self.contents.partition_point(|range| range.end <= *offset);
            let end = self.contents.get(at).map_or(0, |range| range.end);
            names.entry(at).or_default().push((end - offset, *target));
        }
        let is_file = |piece: usize| {
            self.bytes.get(piece).is_some_and(|name| name.ends_with(b".rs") || name.ends_with(b".rs\0"))
        };
        let is_place = |piece: &usize, names: &[(u32, usize)]| {
            let has_size = self.bytes.get(*piece).is_some_and(|bytes| bytes.len() == BYTES as usize);
            // The only thing that it refers to, at its very beginning.
            has_size && matches!(names, [(BYTES, name)] if is_file(*name))
        };
        names.iter().filter(|(piece, names)| is_place(piece, names)).map(|(piece, _)| *piece).collect()
    }
}

/// The number of 32 bits that stands here, with the length that the linker gives to all of them.
fn number(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.get(..5)?;
    Some((0..).zip(bytes).fold(0, |number, (at, byte)| number | u32::from(byte & 0x7f) << (7 * at)))
}

fn relative(range: &Range<u64>, start: u64) -> Result<Range<u32>> {
    Ok(u32::try_from(range.start - start)?..u32::try_from(range.end - start)?)
}

fn is_address(ty: RelocationType) -> bool {
    !matches!(
        ty,
        RelocationType::FunctionIndexLeb
            | RelocationType::FunctionIndexI32
            | RelocationType::TableIndexSleb
            | RelocationType::TableIndexI32
            | RelocationType::TableIndexSleb64
            | RelocationType::TableIndexI64
            | RelocationType::TableIndexRelSleb
            | RelocationType::TableIndexRelSleb64
            | RelocationType::TypeIndexLeb
            | RelocationType::GlobalIndexLeb
            | RelocationType::GlobalIndexI32
            | RelocationType::EventIndexLeb
            | RelocationType::TableNumberLeb
            | RelocationType::SectionOffsetI32
            | RelocationType::FunctionOffsetI32
            | RelocationType::FunctionOffsetI64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_functions_lead_to_is_needed() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
        let constants = Constants {
            pieces: vec![100..104, 104..108, 108..112, 112..116],
            of_functions: [("f".to_owned(), [(100, 0), (108, 2)].into())].into(),
            of_pieces: [(0, [1].into())].into(),
            places_of_functions: [("f".to_owned(), names(&["g", "h"]))].into(),
            places_of_pieces: [(1, names(&["i"])), (2, names(&["j"])), (3, names(&["k"]))].into(),
            ..Constants::default()
        };
        let places =
            [("g", vec![1]), ("h", vec![2]), ("i", vec![3]), ("j", vec![4, 5]), ("k", vec![6])].into();
        let check = |numbers: Option<&[u32]>, constants_at: &[u32], in_table: &[u32]| {
            let numbers = numbers.map(|numbers| numbers.iter().copied().collect());
            let needed = constants.needed_by([("f", numbers), ("unknown", None)], &places);
            assert_eq!(needed.constants, constants_at.iter().copied().collect());
            assert_eq!(needed.places, in_table.iter().copied().collect());
        };
        check(None, &[100, 104, 108], &[1, 2, 3, 4, 5]);
        check(Some(&[100, 2]), &[100, 104], &[2, 3]);
        check(Some(&[]), &[], &[]);
    }
}
