//! Protobuf with its schema: `.proto` files, compiled where they are needed.

use crate::problem::{Problem, What};
use crate::tree::{Builder, Key, Tree, Value};
use prost_reflect::ReflectMessage;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Field,
};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// A source file of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as others import it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    pool: DescriptorPool,
    messages: Vec<String>,
}

impl Schema {
    /// Compiles these files. An import is found by the last part of its path, because a browser knows only that of a file
    /// that was dropped on it; Google's own files are built in.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn compile(files: &[SourceFile]) -> Result<Schema, Problem> {
        let files = as_imported(files);
        let mut resolver = ChainFileResolver::new();
        resolver.add(GoogleFileResolver::new());
        resolver.add(Dropped(files.clone()));
        let mut compiler = Compiler::with_file_resolver(resolver);
        for file in &files {
            compiler.open_file(&file.name).map_err(|error| {
                let place = error.file().map(|file| format!("{file}: ")).unwrap_or_default();
                Problem::new(0, What::Schema(format!("{place}{error}")))
            })?;
        }
        let pool = compiler.descriptor_pool();
        let is_google = |message: &MessageDescriptor| message.full_name().starts_with("google.protobuf.");
        let messages = pool
            .all_messages()
            .filter(|message| !message.is_map_entry() && !is_google(message))
            .map(|message| message.full_name().to_owned())
            .collect();
        Ok(Schema { pool, messages })
    }

    /// The full names of its messages.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// `bytes` as the message with this full name.
    ///
    /// # Errors
    /// They are not, or there is no such message.
    pub fn decode(&self, message: &str, bytes: &[u8]) -> Result<Tree, Problem> {
        let descriptor = self
            .pool
            .get_message_by_name(message)
            .ok_or_else(|| Problem::new(0, What::NoSuchMessage(message.to_owned())))?;
        // prost does not say where; the raw reader does, if it is the wire that is wrong.
        let decoded =
            DynamicMessage::decode(descriptor, bytes).map_err(|_| match super::decode_raw(bytes) {
                Err(problem) => problem,
                Ok(_) => Problem::new(0, What::Invalid),
            })?;
        let mut tree = Builder::default();
        tree.open(Key::None, Value::Object(0), message, 0)?;
        members(&decoded, &mut tree)?;
        Ok(tree.finish())
    }
}

fn members(message: &DynamicMessage, tree: &mut Builder) -> Result<(), Problem> {
    for (field, value) in message.fields() {
        if tree.is_full() {
            return Ok(());
        }
        member(&field, value, tree)?;
    }
    for unknown in message.unknown_fields() {
        let mut bytes = Vec::new();
        unknown.encode(&mut bytes);
        let key = Key::Other(unknown.number().to_string().into());
        // One field, read raw: its value is the node below the root.
        if let Some(node) = super::decode_raw(&bytes).ok().and_then(|raw| raw.nodes.get(1).cloned())
            && !node.value.is_container()
        {
            tree.leaf(key, node.value, "not in the schema");
        } else {
            tree.leaf(key, Value::Bytes(bytes.into()), "not in the schema");
        }
    }
    Ok(())
}

fn member(field: &FieldDescriptor, value: &Field, tree: &mut Builder) -> Result<(), Problem> {
    let key = Key::Name(field.name().into());
    match value {
        Field::List(values) => {
            tree.open(key, Value::List(0), "", 0)?;
            for (i, value) in values.iter().enumerate() {
                single(&field.kind(), value, tree, Key::Index(i))?;
            }
            tree.close();
            Ok(())
        }
        Field::Map(entries) => {
            let Kind::Message(entry) = field.kind() else { return Ok(()) };
            tree.open(key, Value::Object(0), "map", 0)?;
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (key_text(key), value)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            for ((is_text, key), value) in entries {
                let key = match is_text {
                    true => Key::Name(crate::tree::escape(&key).into()),
                    false => Key::Other(key.into()),
                };
                single(&entry.map_entry_value_field().kind(), value, tree, key)?;
            }
            tree.close();
            Ok(())
        }
        value => single(&field.kind(), value, tree, key),
    }
}

fn single(kind: &Kind, value: &Field, tree: &mut Builder, key: Key) -> Result<(), Problem> {
    let leaf = match value {
        Field::Bool(value) => Value::bool(*value),
        Field::I32(n) => Value::int(*n),
        Field::I64(n) => Value::int(*n),
        Field::U32(n) => Value::int(*n),
        Field::U64(n) => Value::int(*n),
        Field::F32(n) => Value::single(*n),
        Field::F64(n) => Value::float(*n),
        Field::String(text) => Value::text(text),
        Field::Bytes(bytes) => Value::Bytes(bytes.clone()),
        Field::EnumNumber(n) => {
            let name = match kind {
                Kind::Enum(values) => values.get_value(*n).map(|value| value.name().to_owned()),
                _ => None,
            };
            tree.leaf(key, Value::int(*n), name.unwrap_or_default());
            return Ok(());
        }
        Field::Message(message) => {
            tree.open(key, Value::Object(0), message.descriptor().name(), 0)?;
            members(message, tree)?;
            tree.close();
            return Ok(());
        }
        // Neither a list nor a map is inside of another.
        Field::List(_) | Field::Map(_) => return Ok(()),
    };
    tree.leaf(key, leaf, "");
    Ok(())
}

/// Whether a map's key is a text, and how it is written.
fn key_text(key: &MapKey) -> (bool, String) {
    match key {
        MapKey::String(text) => (true, text.clone()),
        MapKey::Bool(value) => (false, value.to_string()),
        MapKey::I32(n) => (false, n.to_string()),
        MapKey::I64(n) => (false, n.to_string()),
        MapKey::U32(n) => (false, n.to_string()),
        MapKey::U64(n) => (false, n.to_string()),
    }
}

/// The files under the names by which they import each other: `a.proto`, where another one says
/// `import "x/y/a.proto"`, is `x/y/a.proto`.
fn as_imported(files: &[SourceFile]) -> Vec<SourceFile> {
    let imports: Vec<&str> = files.iter().flat_map(|file| imports(&file.text)).collect();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let named = files.iter().map(|file| {
        let is_known = imports.contains(&file.name.as_str());
        let import = imports.iter().find(|import| !is_known && last(import) == last(&file.name));
        SourceFile {
            name: import.map_or_else(|| file.name.clone(), |import| (*import).to_owned()),
            ..file.clone()
        }
    });
    named.collect()
}

/// What a source says that it imports, roughly: a comment may seem to import something, and nobody minds.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.split("import").skip(1).filter_map(|behind| {
        let behind = behind.trim_start();
        let behind =
            behind.strip_prefix("public").or(behind.strip_prefix("weak")).unwrap_or(behind).trim_start();
        let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        behind.get(1..)?.split_once(quote).map(|(path, _)| path)
    })
}

/// The files that were dropped on the page.
struct Dropped(Vec<SourceFile>);

impl FileResolver for Dropped {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|file| file.name == name) {
            Some(file) => File::from_source(name, &file.text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Result<Schema, Problem> {
        Schema::compile(&[SourceFile { name: "a.proto".into(), text: text.into() }])
    }

    const DEVICE: &str = r#"
        syntax = "proto3";
        package home;
        import "google/protobuf/timestamp.proto";
        message Reading {
            enum Unit { CELSIUS = 0; FAHRENHEIT = 1; }
            string name = 1;
            double value = 2;
            Unit unit = 3;
            repeated int32 last = 4;
            map<string, sint64> counters = 5;
            Reading inner = 6;
            google.protobuf.Timestamp at = 7;
            bytes raw = 8;
        }
    "#;

    #[test]
    fn decodes_by_name() {
        let schema = schema(DEVICE).unwrap();
        assert_eq!(schema.messages(), ["home.Reading"]);
        let bytes = b"\x0a\x01x\x11\0\0\0\0\0\xc0\x5f\x40\x18\x01\x22\x02\x01\x02\x2a\x05\x0a\x01k\x10\x03\
                      \x32\x03\x0a\x01y\x3a\x02\x08\x05\x42\x01\xff\x50\x07";
        let tree = schema.decode("home.Reading", bytes).unwrap();
        let expected = "{\n  \"name\": \"x\",\n  \"value\": 127.0,\n  \"unit\": 1,\n  \"last\": [\n    1,\n    2\n  ],\n  \
                        \"counters\": {\n    \"k\": -2\n  },\n  \"inner\": {\n    \"name\": \"y\"\n  },\n  \
                        \"at\": {\n    \"seconds\": 5\n  },\n  \"raw\": h'ff',\n  10: 7\n}";
        assert_eq!(tree.pretty(), expected);
        let notes: Vec<_> =
            tree.nodes.iter().map(|node| &*node.note).filter(|note| !note.is_empty()).collect();
        assert_eq!(notes, ["home.Reading", "FAHRENHEIT", "map", "Reading", "Timestamp", "not in the schema"]);
    }

    #[test]
    fn imports_are_found_by_the_last_part_of_their_path() {
        let files = [
            SourceFile {
                name: "b.proto".into(),
                text: "import \"x/y/a.proto\"; message B { optional A a = 1; }".into(),
            },
            SourceFile { name: "a.proto".into(), text: "message A { optional int32 n = 1; }".into() },
        ];
        let schema = Schema::compile(&files);
        let messages = schema.unwrap();
        assert!(messages.messages().iter().any(|name| name == "B"));
        let tree = messages.decode("B", b"\x0a\x02\x08\x07").unwrap();
        assert_eq!(tree.pretty(), "{\n  \"a\": {\n    \"n\": 7\n  }\n}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |result: Result<Schema, Problem>| result.unwrap_err().sentence(crate::Language::En);
        assert!(said(schema("syntax = \"proto3\"; message {")).contains("a.proto"));
        assert!(said(schema("import \"missing.proto\";")).contains("missing.proto"));
        let schema = schema(DEVICE).unwrap();
        assert_eq!(schema.decode("Other", b"").unwrap_err().what, What::NoSuchMessage("Other".into()));
        assert_eq!(schema.decode("home.Reading", b"\x0a\x05x").unwrap_err(), Problem::new(2, What::Ends));
    }
}
