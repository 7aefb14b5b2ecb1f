//! Recording, exporting, looking at a file, replaying: what a connection has to do with files of messages.
//!
//! The state knows what is to be written and read; the browser's side owns the files and reports with [`TapeAction`]s.

use super::history::{Direction, Entry, Message};
use super::recording::{FileForm, Recording, Sink, file_name, record_of};
use super::{AppState, Effect};
use bytes::Bytes;
use std::rc::Rc;
use tabmq_shared::client::{Outcome, PublishError, PublishId};
use tabmq_shared::packet::Publish;
use tabmq_shared::record::{BadLine, Reader, Record};
use tabmq_shared::replay::{Options, Replay};

/// So many rows of an export are written at a time: the page stays alive.
const EXPORT_ROWS: usize = 2_000;

/// So many messages of a replay are sent at a time.
const REPLAY_BATCH: usize = 50;

/// A file that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Which of the files that were chosen in this page.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What can happen with files of messages.
#[derive(Clone, Debug, PartialEq)]
pub enum TapeAction {
    /// Record what comes from now on.
    Record(FileForm),
    /// Write what is listed into a file.
    Export(FileForm),
    /// End the recording or the export.
    StopRecording,
    /// The browser has a place for the recording, or has none.
    Sink(Sink),
    /// Whoever was asked for a place has said no.
    Cancelled,
    /// So many bytes are written.
    Written(u64),
    /// A file was chosen, to be looked at or replayed.
    Chosen(FileInfo),
    /// Look at the messages of the chosen file, in a tab of their own.
    Look,
    /// How to replay.
    Options(Options),
    /// Replay the chosen file.
    Replay,
    /// End the replay.
    StopReplay,
    /// Speak of the replay no longer.
    ForgetReplay,
    /// What comes next in the file that is read; nothing at its end.
    Read(Bytes),
    /// The file cannot be read any more.
    Unreadable,
    /// The client has taken a message of the replay, or has not.
    Played(Result<PublishId, PublishError>),
}

/// A session that was recorded, looked at in a tab without a connection.
#[derive(Debug)]
pub struct Session {
    /// The file.
    pub file: FileInfo,
    /// How much of it was read, in bytes.
    pub read_bytes: u64,
    /// Messages in it so far.
    pub messages: u64,
    /// Lines that were no messages.
    pub bad: u64,
    /// The first of them.
    pub first_bad: Option<BadLine>,
    /// Whether all of it was read.
    pub complete: bool,
    reader: Reader,
}

/// All that a connection has to do with files.
#[derive(Debug, Default)]
pub struct Tape {
    /// The last recording or export.
    pub recording: Option<Recording>,
    /// Whether that is an export.
    pub exporting: bool,
    /// The file that was chosen last.
    pub file: Option<FileInfo>,
    /// How to replay it.
    pub options: Options,
    /// The last replay.
    pub replay: Option<Replay>,
    /// Which file it reads.
    replayed: u32,
    /// The session that this tab shows, if it is not a connection.
    pub session: Option<Box<Session>>,
    /// Whether a file could not be read.
    pub unreadable: bool,
    /// Rows of the list that are still to be exported: numbers of entries, the next one last.
    rows: Vec<u64>,
    /// Whether the browser was asked for the next piece of the file.
    reading: bool,
}

impl Session {
    /// A session of which nothing was read.
    pub fn new(file: FileInfo) -> Self {
        Session {
            file,
            read_bytes: 0,
            messages: 0,
            bad: 0,
            first_bad: None,
            complete: false,
            reader: Reader::default(),
        }
    }
}

impl AppState {
    /// Whether this is a recorded session, not a connection.
    pub fn is_session(&self) -> bool {
        self.tape.session.is_some()
    }

    /// Does what was asked for, or takes note of what the browser has done.
    pub(super) fn tape_action(&mut self, action: TapeAction) -> Vec<Effect> {
        let now_ms = self.clock.unix_ms;
        match action {
            TapeAction::Record(form) => return self.begin(form, false),
            TapeAction::Export(form) => return self.begin(form, true),
            TapeAction::StopRecording => return self.end_recording(),
            TapeAction::Sink(sink) => {
                if let Some(recording) = &mut self.tape.recording {
                    recording.sink = sink;
                    return self.due();
                }
            }
            TapeAction::Cancelled => {
                self.tape.recording = None;
                self.tape.rows.clear();
            }
            TapeAction::Written(bytes) => {
                if let Some(recording) = &mut self.tape.recording {
                    recording.written(bytes);
                }
            }
            TapeAction::Chosen(file) => {
                self.tape.file = Some(file);
                self.tape.unreadable = false;
            }
            TapeAction::Look => return self.tape.file.clone().map(Effect::OpenSession).into_iter().collect(),
            TapeAction::Options(options) => {
                if let Some(replay) = &mut self.tape.replay {
                    replay.set_speed(options.speed, now_ms);
                }
                self.tape.options = options;
            }
            TapeAction::Replay => {
                let Some(file) = &self.tape.file else { return Vec::new() };
                self.tape.replay = Some(Replay::new(self.tape.options.clone(), file.size));
                self.tape.replayed = file.id;
                self.tape.reading = true;
                return vec![Effect::ReadFile { file: file.id, from: 0 }];
            }
            TapeAction::StopReplay => {
                if let Some(replay) = &mut self.tape.replay {
                    replay.stop();
                }
            }
            TapeAction::ForgetReplay => self.tape.replay = None,
            TapeAction::Read(bytes) => return self.read(&bytes),
            TapeAction::Unreadable => {
                self.tape.unreadable = true;
                self.tape.reading = false;
                if let Some(session) = &mut self.tape.session {
                    session.complete = true;
                }
                return self.tape_action(TapeAction::StopReplay);
            }
            TapeAction::Played(result) => {
                if let Some(replay) = &mut self.tape.replay {
                    replay.accepted(result);
                }
            }
        }
        Vec::new()
    }

    /// A message has come, or was sent, and is the history's last.
    pub(super) fn tape_message(&mut self) -> Vec<Effect> {
        let Some(recording) = self.tape.recording.as_mut().filter(|_| !self.tape.exporting) else {
            return Vec::new();
        };
        let Some(message) = self.history.next_seq().checked_sub(1).and_then(|seq| self.history.message(seq))
        else {
            return Vec::new();
        };
        recording.push(&record_of(message));
        recording.take(false).map(Effect::WriteFile).into_iter().collect()
    }

    /// What became of a message that may be of a replay.
    pub(super) fn tape_outcome(&mut self, id: PublishId, outcome: &Outcome) {
        if let Some(replay) = &mut self.tape.replay {
            replay.outcome(id, outcome);
        }
    }

    /// What is due by now.
    pub(super) fn tape_due(&mut self) -> Vec<Effect> {
        let mut effects = self.export_some();
        // What waits in memory is lost when the tab ends: a second's worth at most.
        if let Some(recording) = &mut self.tape.recording {
            effects.extend(recording.take(true).map(Effect::WriteFile));
        }
        if self.tape.exporting && self.tape.rows.is_empty() {
            effects.extend(self.end_recording());
        }
        effects.extend(self.replay_some());
        effects
    }

    /// When [`tape_due`](Self::tape_due) has something to do, in Unix milliseconds.
    pub(super) fn tape_due_ms(&self) -> Option<u64> {
        let exporting =
            self.tape.recording.as_ref().is_some_and(|r| {
                self.tape.exporting && !r.ended && matches!(r.sink, Sink::File | Sink::Blob)
            });
        let replay = self.tape.replay.as_ref().filter(|_| self.connection.state.is_connected());
        let replay_ms = replay.and_then(|replay| replay.due_ms());
        exporting.then_some(self.clock.unix_ms).into_iter().chain(replay_ms).min()
    }

    fn begin(&mut self, form: FileForm, export: bool) -> Vec<Effect> {
        let mut effects = self.end_recording();
        let now_ms = self.clock.unix_ms;
        self.tape.recording = Some(Recording::new(form, now_ms));
        self.tape.exporting = export;
        if export {
            let list = &self.history.list;
            self.tape.rows = (0..list.len()).filter_map(|row| list.seq(row)).collect();
        }
        effects.push(Effect::OpenFile(file_name(form, now_ms, self.clock.offset_min)));
        effects
    }

    fn end_recording(&mut self) -> Vec<Effect> {
        self.tape.rows.clear();
        let Some(recording) = self.tape.recording.as_mut().filter(|recording| !recording.ended) else {
            return Vec::new();
        };
        let last = recording.take(true).map(Effect::WriteFile);
        recording.ended = true;
        recording.ended_ms = self.clock.unix_ms;
        last.into_iter().chain([Effect::CloseFile]).collect()
    }

    fn export_some(&mut self) -> Vec<Effect> {
        let Some(recording) = self.tape.recording.as_mut().filter(|_| self.tape.exporting) else {
            return Vec::new();
        };
        if !matches!(recording.sink, Sink::File | Sink::Blob) {
            return Vec::new();
        }
        let mut effects = Vec::new();
        for _ in 0..EXPORT_ROWS {
            let Some(seq) = self.tape.rows.pop() else { break };
            // What has gone meanwhile is gone; gaps are no messages.
            if let Some(message) = self.history.message(seq) {
                recording.push(&record_of(message));
                effects.extend(recording.take(false).map(Effect::WriteFile));
            }
        }
        effects
    }

    fn replay_some(&mut self) -> Vec<Effect> {
        let (now_ms, connected) = (self.clock.unix_ms, self.connection.state.is_connected());
        let Some(replay) = &mut self.tape.replay else { return Vec::new() };
        let mut effects = Vec::new();
        match connected {
            true => effects.extend(replay.due(now_ms, REPLAY_BATCH).into_iter().map(Effect::Play)),
            false => replay.hold(now_ms),
        }
        if replay.wants_more() && !std::mem::replace(&mut self.tape.reading, true) {
            effects.push(Effect::ReadFile { file: self.tape.replayed, from: replay.read_bytes() });
        }
        effects
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Effect> {
        self.tape.reading = false;
        if let Some(mut session) = self.tape.session.take() {
            let effects = self.read_session(&mut session, bytes);
            self.tape.session = Some(session);
            return effects;
        }
        if let Some(replay) = &mut self.tape.replay {
            replay.feed(bytes);
        }
        self.replay_some()
    }

    fn read_session(&mut self, session: &mut Session, bytes: &[u8]) -> Vec<Effect> {
        session.complete = bytes.is_empty();
        session.read_bytes += bytes.len() as u64;
        match session.complete {
            true => session.reader.end(),
            false => session.reader.push(bytes),
        }
        while let Some(line) = session.reader.next() {
            match line {
                Ok(record) => {
                    session.messages += 1;
                    self.show_record(record);
                }
                Err(bad) => {
                    session.bad += 1;
                    session.first_bad.get_or_insert(bad);
                }
            }
        }
        match session.complete {
            true => Vec::new(),
            false => vec![Effect::ReadFile { file: session.file.id, from: session.read_bytes }],
        }
    }

    /// A recorded message is shown as if it had come at its time.
    fn show_record(&mut self, record: Record) {
        let Record { at_ms, topic, payload, qos, retain, dup, properties, sent } = record;
        if !sent {
            let publish =
                Publish { dup, qos, retain, topic, packet_id: None, topic_alias: None, properties, payload };
            return self.receive(publish, at_ms);
        }
        let seq = self.history.next_seq();
        self.history.push(Entry::Message(Message {
            seq,
            at_ms,
            topic: Rc::from(&*topic),
            payload,
            qos,
            retain,
            properties: properties.map(|properties| Rc::new(*properties)),
            direction: Direction::Sent(Some(Rc::new(Outcome::Sent))),
            ..Message::default()
        }));
    }
}
