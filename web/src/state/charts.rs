//! Charts, as far as the state knows them: what they are made of is loaded later (`crate::charts`), and until then only
//! the address bar's text is kept.

pub mod source;

use super::history::Message;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use source::Source;
use std::any::Any;
use std::fmt;
use std::rc::Rc;
use tabmq_decoders::sparkplug;

/// A chart: valid as long as its connection is there, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChartId(pub u32);

/// What can be done to charts.
#[derive(Clone, Debug, PartialEq)]
pub enum ChartAction {
    /// Draw a number: in this chart, or in a new one.
    Add {
        /// Which chart.
        chart: Option<ChartId>,
        /// Which number.
        source: Box<Source>,
    },
    /// Remove a chart.
    Remove(ChartId),
    /// Remove a line of a chart; the chart goes with the last one.
    RemoveSeries(ChartId, usize),
    /// Show so many seconds, or all that is kept.
    Window(ChartId, Option<u32>),
    /// Stand still, or go on.
    Pause(ChartId, bool),
    /// Show this time, in Unix milliseconds; or what the window says again.
    Zoom(ChartId, Option<(f64, f64)>),
}

/// What charts do; see `crate::charts::Charts`.
pub trait Charting: fmt::Debug {
    /// Has exactly the charts that this text says.
    fn read(&mut self, link: &str);
    /// For [`read`](Charting::read).
    fn link(&self) -> String;
    /// A message has come. One that is known already changes nothing.
    fn record(&mut self, message: &Message, births: &Births);
    /// Changes them. `now_ms` is in Unix milliseconds.
    fn apply(&mut self, action: ChartAction, now_ms: u64);
    /// Whether there is none.
    fn is_empty(&self) -> bool;
    /// For the components, which know more.
    fn as_any(&self) -> &dyn Any;
}

/// Makes the charts of a connection.
#[derive(Clone, Copy)]
pub struct ChartMaker(pub fn() -> Box<dyn Charting>);

impl fmt::Debug for ChartMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChartMaker")
    }
}

impl PartialEq for ChartMaker {
    /// There is only one.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Where the charts are, or will be.
#[derive(Debug, Default)]
pub struct ChartSlot {
    /// What the address bar said, until the charts are there.
    link: String,
    maker: Option<ChartMaker>,
    charts: Option<Box<dyn Charting>>,
}

impl ChartSlot {
    /// The charts, if they are there.
    pub fn get(&self) -> Option<&dyn Charting> {
        self.charts.as_deref()
    }

    /// For the address bar.
    pub fn link(&self) -> String {
        self.charts.as_ref().map_or_else(|| self.link.clone(), |charts| charts.link())
    }

    /// Whether there is something to show, or will be.
    pub fn is_empty(&self) -> bool {
        self.charts.as_ref().map_or(self.link.is_empty(), |charts| charts.is_empty())
    }

    /// A message has come.
    pub(super) fn record(&mut self, message: &Message, births: &Births) {
        if let Some(charts) = &mut self.charts {
            charts.record(message, births);
        }
    }

    /// The address bar says something else. True if the history should be recorded again.
    pub(super) fn read(&mut self, link: &str) -> bool {
        match &mut self.charts {
            Some(charts) => charts.read(link),
            None => self.link = link.to_owned(),
        }
        self.charts.is_some()
    }

    /// Changes the charts. True if the history should be recorded again.
    pub(super) fn apply(&mut self, action: ChartAction, now_ms: u64) -> bool {
        let adds = matches!(action, ChartAction::Add { .. });
        if let Some(charts) = &mut self.charts {
            charts.apply(action, now_ms);
        }
        adds
    }

    /// Their code is there now. True if the history should be recorded.
    pub(super) fn make(&mut self, maker: ChartMaker) -> bool {
        if self.charts.is_none() {
            let mut charts = (maker.0)();
            charts.read(&self.link);
            self.charts = Some(charts);
        }
        self.maker = Some(maker);
        true
    }

    /// For another connection.
    pub(super) fn beside(&self) -> ChartSlot {
        let mut slot = ChartSlot::default();
        if let Some(maker) = self.maker {
            slot.make(maker);
        }
        slot
    }
}

/// BIRTH messages of Sparkplug B: without them, later messages of the same device have numbers where they have names.
#[derive(Clone, Debug, Default)]
pub struct Births(FxHashMap<Rc<str>, Bytes>);

/// A broker may have more devices than a browser has memory: of further ones no BIRTH is kept.
const MAX_BIRTHS: usize = 2_000;

/// A longer BIRTH is not kept, in bytes.
const MAX_BIRTH_BYTES: usize = 64 * 1024;

impl Births {
    /// Keeps the message if it is one.
    pub fn keep(&mut self, topic: &Rc<str>, payload: &Bytes) {
        let has_room = self.0.len() < MAX_BIRTHS || self.0.contains_key(topic);
        if sparkplug::is_birth(topic) && payload.len() <= MAX_BIRTH_BYTES && has_room {
            // Copied: it outlives the messages that lie beside it.
            self.0.insert(topic.clone(), Bytes::copy_from_slice(payload));
        }
    }

    /// Those that explain a message on this topic.
    pub fn of(&self, topic: &str) -> Vec<Bytes> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let topics = sparkplug::birth_topics(topic);
        topics.iter().filter_map(|topic| self.0.get(topic.as_str()).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn births_are_kept_for_their_devices() {
        let mut births = Births::default();
        let keep = |births: &mut Births, topic: &str, payload: &'static [u8]| {
            births.keep(&topic.into(), &Bytes::from_static(payload));
        };
        keep(&mut births, "spBv1.0/g/NBIRTH/n", b"n");
        keep(&mut births, "spBv1.0/g/DBIRTH/n/d", b"d");
        keep(&mut births, "spBv1.0/g/NDATA/n", b"x");
        keep(&mut births, "a/b", b"x");
        assert_eq!(births.0.len(), 2);
        assert_eq!(births.of("spBv1.0/g/DDATA/n/d"), [&b"d"[..], b"n"]);
        assert_eq!(births.of("spBv1.0/g/NDATA/other"), [&b""[..]; 0]);
        for i in 0..MAX_BIRTHS + 5 {
            keep(&mut births, &format!("spBv1.0/g/NBIRTH/n{i}"), b"n");
        }
        assert_eq!(births.0.len(), MAX_BIRTHS);
    }
}
