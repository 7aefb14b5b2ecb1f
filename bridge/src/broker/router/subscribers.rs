//! Who subscribed with one filter.

use super::index::Index;
use super::{SessionKey, Subscription};

/// Names a group for as long as it has members. Afterwards it is stale: no later group has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupId {
    pub(super) position: u32,
    /// Counts the groups that there ever were.
    pub(super) generation: u32,
}

/// One session and how it is subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) session: SessionKey,
    pub(super) subscription: Subscription,
}

/// All that subscribed with one filter. 16 bytes: most filters have a single subscriber.
#[derive(Debug, Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(Member),
    Many(Box<Many>),
}

/// Several subscribers, or shared groups.
#[derive(Debug, Default)]
pub(super) struct Many {
    plain: Members,
    groups: Vec<GroupId>,
}

impl Subscribers {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Subscribers::None)
    }

    /// Those whose subscription is not shared.
    pub(super) fn plain(&self) -> &[Member] {
        match self {
            Subscribers::None => &[],
            Subscribers::One(member) => std::slice::from_ref(member),
            Subscribers::Many(many) => many.plain.as_slice(),
        }
    }

    pub(super) fn groups(&self) -> &[GroupId] {
        match self {
            Subscribers::Many(many) => &many.groups,
            _ => &[],
        }
    }

    /// The subscription of `session` that is not shared.
    pub(super) fn get(&self, session: SessionKey) -> Option<Subscription> {
        match self {
            Subscribers::Many(many) => {
                many.plain.as_slice().get(many.plain.position(session)?).map(|member| member.subscription)
            }
            _ => self.plain().first().filter(|member| member.session == session).map(|one| one.subscription),
        }
    }

    /// Adds or replaces; what was replaced.
    pub(super) fn insert(&mut self, member: Member) -> Option<Subscription> {
        match self {
            Subscribers::None => {
                *self = Subscribers::One(member);
                None
            }
            Subscribers::One(one) if one.session == member.session => {
                Some(std::mem::replace(&mut one.subscription, member.subscription))
            }
            _ => self.many().plain.insert(member),
        }
    }

    pub(super) fn remove(&mut self, session: SessionKey) -> Option<Subscription> {
        match self {
            Subscribers::None => None,
            Subscribers::One(one) if one.session == session => {
                let subscription = one.subscription;
                *self = Subscribers::None;
                Some(subscription)
            }
            Subscribers::One(_) => None,
            Subscribers::Many(many) => {
                let position = many.plain.position(session)?;
                let removed = many.plain.swap_remove(position);
                self.simplify();
                removed.map(|member| member.subscription)
            }
        }
    }

    /// Adds a group that is not there yet; its position among the groups.
    pub(super) fn add_group(&mut self, group: GroupId) -> usize {
        let groups = &mut self.many().groups;
        groups.push(group);
        groups.len() - 1
    }

    /// Removes the group at a position. If another one moved there: which one.
    pub(super) fn remove_group(&mut self, position: usize) -> Option<GroupId> {
        let Subscribers::Many(many) = self else {
            return None;
        };
        if position < many.groups.len() {
            many.groups.swap_remove(position);
        }
        let moved = many.groups.get(position).copied();
        self.simplify();
        moved
    }

    fn many(&mut self) -> &mut Many {
        if !matches!(self, Subscribers::Many(_)) {
            let mut many = Box::<Many>::default();
            for member in self.plain() {
                many.plain.insert(*member);
            }
            *self = Subscribers::Many(many);
        }
        match self {
            Subscribers::Many(many) => many,
            _ => unreachable!("it was made so above"),
        }
    }

    /// Back to the small forms, where one will do.
    fn simplify(&mut self) {
        let Subscribers::Many(many) = self else {
            return;
        };
        if many.groups.is_empty() {
            match many.plain.as_slice() {
                [] => *self = Subscribers::None,
                [one] => *self = Subscribers::One(*one),
                _ => {}
            }
        }
    }
}

/// A set of sessions with their subscriptions: packed for iteration, with a table for the look-up where it is large.
/// The position of a member changes only as [`Members::swap_remove`] and [`Members::swap`] say.
#[derive(Debug, Default)]
pub(super) struct Members {
    list: Vec<Member>,
    /// Positions in `list` by session. Kept from [`Members::INDEXED_FROM`] members on.
    index: Option<Box<Index>>,
}

impl Members {
    const INDEXED_FROM: usize = 24;

    pub(super) fn as_slice(&self) -> &[Member] {
        &self.list
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn position(&self, session: SessionKey) -> Option<usize> {
        match &self.index {
            None => self.list.iter().position(|member| member.session == session),
            Some(index) => {
                let is_it =
                    |at: u32| self.list.get(at as usize).is_some_and(|member| member.session == session);
                index.find(hash(session), is_it).map(|at| at as usize)
            }
        }
    }

    /// Replaces, or adds at the end; what was replaced.
    pub(super) fn insert(&mut self, member: Member) -> Option<Subscription> {
        let position = self.position(member.session);
        if let Some(present) = position.and_then(|at| self.list.get_mut(at)) {
            return Some(std::mem::replace(&mut present.subscription, member.subscription));
        }
        if let Some(index) = &mut self.index {
            index.insert(hash(member.session), self.list.len() as u32);
        }
        self.list.push(member);
        if self.index.is_none() && self.list.len() >= Self::INDEXED_FROM {
            let mut index = Index::default();
            for (at, member) in self.list.iter().enumerate() {
                index.insert(hash(member.session), at as u32);
            }
            self.index = Some(Box::new(index));
        }
        None
    }

    /// Removes the member at a position; the last one takes its place.
    pub(super) fn swap_remove(&mut self, position: usize) -> Option<Member> {
        let last = self.list.len().checked_sub(1)?;
        self.swap(position, last);
        if position > last {
            return None;
        }
        let removed = self.list.pop()?;
        if self.list.len() < Self::INDEXED_FROM / 2 {
            self.index = None;
        } else if let Some(index) = &mut self.index {
            index.remove(hash(removed.session), last as u32);
        }
        if self.list.len() < self.list.capacity() / 4 {
            self.list.shrink_to(self.list.len() * 2);
        }
        Some(removed)
    }

    /// Exchanges two members. Nothing happens if one of the positions is behind the end.
    pub(super) fn swap(&mut self, a: usize, b: usize) {
        let (Some(first), Some(second)) = (self.list.get(a), self.list.get(b)) else {
            return;
        };
        if a == b {
            return;
        }
        if let Some(index) = &mut self.index {
            index.relocate(hash(first.session), a as u32, b as u32);
            index.relocate(hash(second.session), b as u32, a as u32);
        }
        self.list.swap(a, b);
    }
}

/// Session keys are our own, so no seed is needed. No two keys have the same hash ([`Members::swap`] relies on it).
fn hash(session: SessionKey) -> u64 {
    u64::from(session.wrapping_mul(0x9E37_79B1)) << 32
}
