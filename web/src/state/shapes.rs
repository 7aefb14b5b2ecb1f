//! How the payloads of a topic are looked at, as far as somebody has said so: remembered for each topic.

use super::query;
use crate::payload::{Format, Packed};
use std::rc::Rc;

/// More than this is not remembered; the oldest go.
const MAX_SHAPES: usize = 500;

/// What was said about one topic; the rest is guessed from each payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// The format.
    pub format: Option<Format>,
    /// How it is compressed, if it is.
    pub packed: Option<Packed>,
    /// For Protobuf: the message's full name.
    pub message: Option<Rc<str>>,
}

/// All topics of which something was said, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shapes(Vec<(Rc<str>, Shape)>);

impl Shapes {
    /// What was said about a topic.
    pub fn of(&self, topic: &str) -> Shape {
        self.0.iter().find(|(known, _)| **known == *topic).map(|(_, shape)| shape.clone()).unwrap_or_default()
    }

    /// Remembers it.
    pub fn set(&mut self, topic: Rc<str>, shape: Shape) {
        self.0.retain(|(known, _)| *known != topic);
        if shape != Shape::default() {
            self.0.push((topic, shape));
        }
        if self.0.len() > MAX_SHAPES {
            self.0.remove(0);
        }
    }

    /// From what [`write`](Shapes::write) made; what makes no sense is left out.
    pub fn read(text: &str) -> Self {
        let mut shapes = Shapes::default();
        for (topic, shape) in query::decode(text) {
            let mut read = Shape::default();
            for part in shape.split(' ') {
                match part.split_once(':') {
                    Some(("as", name)) => read.format = Format::from_name(name),
                    Some(("in", name)) => read.packed = Packed::from_name(name),
                    Some(("message", name)) => read.message = Some(name.into()),
                    _ => {}
                }
            }
            shapes.set(topic.into(), read);
        }
        shapes
    }

    /// As text.
    pub fn write(&self) -> String {
        let written = self.0.iter().map(|(topic, shape)| {
            let format = shape.format.map(|format| format!("as:{}", format.name()));
            let packed = shape.packed.map(|packed| format!("in:{}", packed.name()));
            let message = shape.message.as_ref().map(|name| format!("message:{name}"));
            let parts: Vec<String> = [format, packed, message].into_iter().flatten().collect();
            (topic, parts.join(" "))
        });
        let written: Vec<_> = written.collect();
        query::encode(written.iter().map(|(topic, shape)| (&***topic, shape.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_decoders::packing::Packing;

    #[test]
    fn written_and_read() {
        let mut shapes = Shapes::default();
        let shape = Shape {
            format: Format::from_name("u16le"),
            packed: Some(Packed::In(Packing::Gzip)),
            message: Some("a.B".into()),
        };
        shapes.set("a&b=c d".into(), shape.clone());
        shapes.set("x".into(), Shape { packed: Some(Packed::No), ..Shape::default() });
        shapes.set("y".into(), Shape::default());
        let read = Shapes::read(&shapes.write());
        assert_eq!(read, shapes);
        assert_eq!(read.of("a&b=c d"), shape);
        assert_eq!(read.of("y"), Shape::default());
        assert_eq!(Shapes::read("x=as:nonsense"), Shapes::default());
    }

    #[test]
    fn bounded() {
        let mut shapes = Shapes::default();
        for i in 0..MAX_SHAPES + 1 {
            shapes.set(format!("t{i}").into(), Shape { format: Some(Format::Hex), ..Shape::default() });
        }
        assert_eq!((shapes.0.len(), shapes.of("t0").format), (MAX_SHAPES, None));
    }
}
