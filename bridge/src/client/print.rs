//! What `tabmq sub` prints for a message: text for people and scripts, or a line of a file of messages.

use super::args::SubArgs;
use super::format::Format;
use std::time::{SystemTime, UNIX_EPOCH};
use tabmq_shared::packet::Publish;
use tabmq_shared::record::{FileForm, Record};

/// How messages are printed.
#[derive(Debug)]
pub(super) enum Print {
    /// `-F`, `-v`, or the payload alone.
    Text { format: Format, newline: bool },
    /// `--format`: docs/recording.md. `line` is the last one; its memory is used again.
    File { form: FileForm, line: String },
}

impl Print {
    /// What the flags ask for.
    pub(super) fn new(args: &SubArgs) -> Self {
        if let Some(form) = args.file_form {
            return Print::File { form: form.into(), line: String::new() };
        }
        let format = match &args.format {
            Some(format) => format.clone(),
            None if args.verbose => Format::verbose(),
            None => Format::payload(),
        };
        Print::Text { format, newline: !args.no_newline }
    }

    /// What comes before the first message.
    pub(super) fn head(&self) -> &'static [u8] {
        match self {
            Print::Text { .. } => b"",
            Print::File { form, .. } => form.head().as_bytes(),
        }
    }

    /// Appends `message`, which has just come, to `out`.
    pub(super) fn write(&mut self, message: &Publish, out: &mut Vec<u8>) {
        match self {
            Print::Text { format, newline } => {
                format.write(message, out);
                if *newline {
                    out.push(b'\n');
                }
            }
            Print::File { form, line } => {
                line.clear();
                form.write(&record_of(message, unix_ms()), line);
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}

/// A message that came at `at_ms`, as files have it.
fn record_of(message: &Publish, at_ms: u64) -> Record {
    Record {
        qos: message.qos,
        retain: message.retain,
        dup: message.dup,
        properties: message.properties.clone(),
        ..Record::new(at_ms, message.topic.clone(), message.payload.clone())
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::Bytes;
    use tabmq_shared::packet::{PublishProperties, QoS};
    use tabmq_shared::record::Reader;

    #[test]
    fn lines_of_a_file_have_all_of_the_message() {
        let properties = PublishProperties {
            content_type: Some("text".into()),
            user: vec![("k".into(), "v".into())],
            ..PublishProperties::default()
        };
        let message = Publish {
            dup: true,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: "a/\u{e9}".into(),
            packet_id: None,
            topic_alias: None,
            properties: Some(Box::new(properties.clone())),
            payload: Bytes::from_static(b"\xff\n"),
        };
        for form in [FileForm::JsonLines, FileForm::Csv] {
            let mut print = Print::File { form, line: String::new() };
            let mut file = print.head().to_vec();
            let before = unix_ms();
            print.write(&message, &mut file);
            print.write(&message, &mut file);
            let mut reader = Reader::default();
            reader.push(&file);
            reader.end();
            let records: Vec<Record> = std::iter::from_fn(|| reader.next()).map(Result::unwrap).collect();
            assert_eq!(records.len(), 2, "{form:?}");
            for record in records {
                assert!((before..before + 60_000).contains(&record.at_ms), "{record:?}");
                assert_eq!(record, record_of(&message, record.at_ms));
                assert_eq!(record.properties.as_deref(), Some(&properties));
            }
        }
    }
}
