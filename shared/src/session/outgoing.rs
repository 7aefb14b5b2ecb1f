//! The sender's side of QoS 1 and 2.

use crate::packet::{PacketId, QoS, ReasonCode};
use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU16;

/// How many packet identifiers there are: 1 to 65,535.
const IDS: u32 = 65_535;
/// How many slots an empty window may keep allocated, so that a busy sender does not allocate at every message.
const SLOTS_KEPT: usize = 32;

/// QoS 1 and 2 towards the peer: packet identifiers, the send quota, what waits for an acknowledgement.
/// `M` is the caller's record of a message.
///
/// ```text
///                 push            puback
///   QoS 1   free ------> Publish ---------------------------------> free
///                 push            pubrec            pubcomp
///   QoS 2   free ------> Publish --------> Release ---------------> free
///                           '---- pubrec with an error -----------> free
/// ```
///
/// Identifiers are handed out in sequence, so the window is a deque that is indexed by `id - first id`:
///
/// ```text
///            first                            resend_next     resend_end
///   id         7        8        9       10        11        12        13
///          Publish    Free    Release  Publish   Publish   Publish   (next push)
///                      '- acknowledged out of order: a hole, dropped when it reaches the front
/// ```
///
/// The span, holes included, is bounded: a peer that never acknowledges the oldest message stops the window
/// instead of making it grow. Quota and span are the two reasons for [`can_send`](Self::can_send) to be false.
#[derive(Clone, Debug)]
pub struct Outgoing<M> {
    slots: VecDeque<Slot<M>>,
    /// The identifier of `slots[0]`, counted from 0: identifier 1 is 0, identifier 65,535 is 65,534.
    first: u32,
    /// How many slots are `Publish` or `Release`.
    len: usize,
    receive_maximum: u16,
    /// How many more PUBLISHes the peer takes now.
    quota: u16,
    /// `slots[resend_next..resend_end]` are still to be sent again on this connection.
    resend_next: usize,
    resend_end: usize,
}

#[derive(Clone, Debug)]
enum Slot<M> {
    /// Acknowledged, or given back.
    Free,
    /// Lent to a packet that is not a PUBLISH.
    Reserved,
    /// PUBLISH waits for PUBACK or PUBREC.
    Publish {
        message: M,
        qos: QoS,
        /// Whether it took quota, that is: was sent on this connection.
        counted: bool,
    },
    /// PUBREL waits for PUBCOMP.
    Release { counted: bool },
}

/// What is sent again on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend<'a, M> {
    /// The message, with DUP set [MQTT-3.3.1-1].
    Publish(&'a M, QoS),
    /// PUBREL.
    Release,
}

/// What a PUBREC means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PubRecOutcome<M> {
    /// Answer PUBREL [MQTT-4.3.3-4]. The message is given back the first time: it must not be sent again
    /// [MQTT-4.3.3-6].
    Release(Option<M>),
    /// The peer refused the message: this was the end of it, and the identifier is free.
    Ended(M),
    /// Nothing is known of this identifier: answer PUBREL with [`ReasonCode::PacketIdentifierNotFound`].
    Unknown,
}

impl<M> Outgoing<M> {
    /// An empty window. It owns no memory yet. Before 5.0 there is no receive maximum: choose one.
    pub fn new(receive_maximum: NonZeroU16) -> Self {
        Outgoing {
            slots: VecDeque::new(),
            first: 0,
            len: 0,
            receive_maximum: receive_maximum.get(),
            quota: receive_maximum.get(),
            resend_next: 0,
            resend_end: 0,
        }
    }

    /// A new connection of the same session: the quota starts anew (section 4.9), and everything in flight must be
    /// sent again, in the original order, before anything new [MQTT-4.4.0-1] [MQTT-4.6.0-1].
    pub fn resume(&mut self, receive_maximum: NonZeroU16) {
        self.receive_maximum = receive_maximum.get();
        self.quota = receive_maximum.get();
        for slot in &mut self.slots {
            match slot {
                Slot::Free => {}
                Slot::Reserved => *slot = Slot::Free, // SUBSCRIBE and UNSUBSCRIBE are no part of the session
                Slot::Publish { counted, .. } | Slot::Release { counted } => *counted = false,
            }
        }
        self.resend_next = 0;
        self.resend_end = self.slots.len();
        self.tidy();
    }

    /// The next thing to send again on this connection; `None` if nothing is left or the quota is used up.
    /// PUBREL needs no quota (section 4.9).
    pub fn next_resend(&mut self) -> Option<(PacketId, Resend<'_, M>)> {
        if self.resend_next >= self.resend_end {
            return None;
        }
        let index = self.resend_next;
        let id = self.id_at(index);
        if let Some(Slot::Publish { .. }) = self.slots.get(index) {
            self.quota = self.quota.checked_sub(1)?;
        }
        self.resend_next += 1;
        self.skip_free_resends();
        match self.slots.get_mut(index)? {
            Slot::Publish { message, qos, counted } => {
                *counted = true;
                Some((id, Resend::Publish(message, *qos)))
            }
            Slot::Release { .. } => Some((id, Resend::Release)),
            Slot::Free | Slot::Reserved => None, // unreachable: skipped before
        }
    }

    /// Whether a new message may be sent now: quota left, identifiers left, nothing to send again.
    pub fn can_send(&self) -> bool {
        self.quota > 0 && self.slots.len() < self.max_span() && self.resend_next >= self.resend_end
    }

    /// The identifier that the next [`push`](Self::push) will take; `None` if [`can_send`](Self::can_send) is false.
    pub fn next_id(&self) -> Option<PacketId> {
        self.can_send().then(|| self.id_at(self.slots.len()))
    }

    /// Takes a packet identifier and keeps the message in flight. For QoS 1 and 2 only.
    ///
    /// # Errors
    /// Gives the message back if [`can_send`](Self::can_send) is false.
    pub fn push(&mut self, message: M, qos: QoS) -> Result<PacketId, M> {
        debug_assert!(qos != QoS::AtMostOnce, "QoS 0 has no packet identifier [MQTT-2.2.1-2]");
        if !self.can_send() {
            return Err(message);
        }
        let id = self.id_at(self.slots.len()); // free: the span is smaller than the number of identifiers
        self.slots.push_back(Slot::Publish { message, qos, counted: true });
        self.len += 1;
        self.quota -= 1;
        Ok(id)
    }

    /// PUBACK. Gives the message back and frees the identifier; `None` if no QoS 1 message waits under it.
    pub fn puback(&mut self, id: PacketId) -> Option<M> {
        let slot = self.slot_mut(id)?;
        if !matches!(slot, Slot::Publish { qos: QoS::AtLeastOnce, .. }) {
            return None;
        }
        match self.take(id)? {
            Slot::Publish { message, .. } => Some(message),
            _ => None,
        }
    }

    /// PUBREC. A reason of 0x80 or more ends the exchange (section 4.3.3), anything else asks for PUBREL.
    pub fn pubrec(&mut self, id: PacketId, reason: ReasonCode) -> PubRecOutcome<M> {
        let Some(slot) = self.slot_mut(id) else { return PubRecOutcome::Unknown };
        match slot {
            // Already released: whatever the reason says now, only PUBCOMP ends it.
            Slot::Release { .. } => PubRecOutcome::Release(None),
            Slot::Publish { qos: QoS::ExactlyOnce, .. } if reason.is_error() => match self.take(id) {
                Some(Slot::Publish { message, .. }) => PubRecOutcome::Ended(message),
                _ => PubRecOutcome::Unknown,
            },
            Slot::Publish { qos: QoS::ExactlyOnce, counted, .. } => {
                let release = Slot::Release { counted: *counted };
                match mem::replace(slot, release) {
                    Slot::Publish { message, .. } => PubRecOutcome::Release(Some(message)),
                    _ => PubRecOutcome::Release(None),
                }
            }
            _ => PubRecOutcome::Unknown,
        }
    }

    /// PUBCOMP. Frees the identifier; false if no PUBREL waits under it.
    pub fn pubcomp(&mut self, id: PacketId) -> bool {
        matches!(self.slot_mut(id), Some(Slot::Release { .. })) && self.take(id).is_some()
    }

    /// Whether a message is in flight under this identifier. An acknowledgement that is refused although there is one
    /// belongs to another QoS or another step: the peer has lost its way.
    pub fn contains(&self, id: PacketId) -> bool {
        let slot = self.slots.get(self.index_of(id));
        matches!(slot, Some(Slot::Publish { .. } | Slot::Release { .. }))
    }

    /// Lends an identifier to a SUBSCRIBE or UNSUBSCRIBE: those share the identifiers with PUBLISH
    /// [MQTT-2.2.1-3], but take no quota and end with the connection. `None` if all are in use.
    pub fn reserve(&mut self) -> Option<PacketId> {
        if self.slots.len() as u32 >= IDS {
            return None;
        }
        let id = self.id_at(self.slots.len());
        self.slots.push_back(Slot::Reserved);
        Some(id)
    }

    /// Takes a lent identifier back; false if it is not lent.
    pub fn unreserve(&mut self, id: PacketId) -> bool {
        matches!(self.slot_mut(id), Some(Slot::Reserved)) && self.take(id).is_some()
    }

    /// How many messages wait for PUBACK, PUBREC or PUBCOMP.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What waits, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (PacketId, Resend<'_, M>)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Publish { message, qos, .. } => Some((self.id_at(index), Resend::Publish(message, *qos))),
            Slot::Release { .. } => Some((self.id_at(index), Resend::Release)),
            Slot::Free | Slot::Reserved => None,
        })
    }

    /// The session ends or is emptied: what the peer has not said to have received (no PUBACK, no PUBREC), oldest
    /// first. The window is empty from here on, whether or not the iterator is used.
    pub fn drain(&mut self) -> impl Iterator<Item = (M, QoS)> + use<M> {
        let slots = mem::take(&mut self.slots);
        self.first = (self.first + slots.len() as u32) % IDS;
        self.len = 0;
        self.quota = self.receive_maximum;
        self.resend_next = 0;
        self.resend_end = 0;
        slots.into_iter().filter_map(|slot| match slot {
            Slot::Publish { message, qos, .. } => Some((message, qos)),
            _ => None,
        })
    }

    /// Gives back memory that is not in use: for a session whose client is away.
    pub fn shrink_to_fit(&mut self) {
        self.slots.shrink_to_fit();
    }

    /// The most slots that messages may span, holes included.
    fn max_span(&self) -> usize {
        (usize::from(self.receive_maximum) * 4).clamp(1_024, IDS as usize)
    }

    fn id_at(&self, index: usize) -> PacketId {
        let zero_based = (self.first + index as u32) % IDS; // index < 2 * IDS
        PacketId::MIN.saturating_add(zero_based as u16)
    }

    fn index_of(&self, id: PacketId) -> usize {
        ((u32::from(id.get()) - 1 + IDS - self.first) % IDS) as usize
    }

    fn slot_mut(&mut self, id: PacketId) -> Option<&mut Slot<M>> {
        let index = self.index_of(id);
        self.slots.get_mut(index)
    }

    /// Frees a slot that is not free, and gives back the quota that it took.
    fn take(&mut self, id: PacketId) -> Option<Slot<M>> {
        let taken = mem::replace(self.slot_mut(id)?, Slot::Free);
        match taken {
            Slot::Publish { counted, .. } | Slot::Release { counted } => {
                self.len -= 1;
                // A PUBREL that was sent again took no quota on this connection, so it gives none back. (The
                // specification lets the quota rise then, up to its maximum; the receiver may see too much in it.)
                if counted {
                    self.quota += 1;
                }
            }
            Slot::Reserved | Slot::Free => {}
        }
        self.tidy();
        Some(taken)
    }

    /// Drops the holes that have reached the front.
    fn tidy(&mut self) {
        while let Some(Slot::Free) = self.slots.front() {
            self.slots.pop_front();
            self.first = (self.first + 1) % IDS;
            self.resend_next = self.resend_next.saturating_sub(1);
            self.resend_end = self.resend_end.saturating_sub(1);
        }
        self.skip_free_resends();
        if self.slots.is_empty() && self.slots.capacity() > SLOTS_KEPT {
            self.slots = VecDeque::new();
        }
    }

    /// Keeps `resend_next` on something that can be sent.
    fn skip_free_resends(&mut self) {
        while self.resend_next < self.resend_end
            && matches!(self.slots.get(self.resend_next), Some(Slot::Free | Slot::Reserved) | None)
        {
            self.resend_next += 1;
        }
    }
}
