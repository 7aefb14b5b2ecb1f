//! The groups of shared subscriptions (5.0 section 4.8.2).

use super::filters::Place;
use super::index::{Hasher, Index};
use super::subscribers::{GroupId, Member, Members, Subscribers};
use super::{SessionKey, Subscription};
use slab::Slab;

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    hasher: Hasher,
    groups: Slab<Group>,
    by_name: Index,
    next_generation: u32,
}

#[derive(Debug)]
struct Group {
    generation: u32,
    name: Box<str>,
    /// The filter.
    place: Place,
    /// The position among the filter's groups.
    rank: u32,
    members: Members,
    /// The members before this position had their turn in this round, the others had not. May be one past the end.
    next: usize,
}

impl Groups {
    pub(super) fn new(hasher: &Hasher) -> Self {
        Groups { hasher: hasher.clone(), groups: Slab::new(), by_name: Index::default(), next_generation: 0 }
    }

    /// Adds or replaces a member of the group with this name, which is among the `subscribers` of `place`. Whether
    /// the group is new, and what was replaced.
    pub(super) fn join(
        &mut self,
        place: Place,
        name: &str,
        member: Member,
        subscribers: &mut Subscribers,
    ) -> (bool, Option<Subscription>) {
        let found = self.find(place, name);
        let id = found.unwrap_or_else(|| self.create(place, name, subscribers));
        let replaced = self.get_mut(id).and_then(|group| group.members.insert(member));
        (found.is_none(), replaced)
    }

    /// Removes a member. Whether it was one, and whether the group went with it.
    pub(super) fn leave(
        &mut self,
        place: Place,
        name: &str,
        session: SessionKey,
        subscribers: &mut Subscribers,
    ) -> (bool, bool) {
        let Some(id) = self.find(place, name) else {
            return (false, false);
        };
        let Some(group) = self.get_mut(id) else {
            return (false, false);
        };
        let Some(position) = group.members.position(session) else {
            return (false, false);
        };
        group.remove(position);
        let is_empty = group.members.len() == 0;
        if is_empty {
            self.dissolve(id, subscribers);
        }
        (true, is_empty)
    }

    pub(super) fn find(&self, place: Place, name: &str) -> Option<GroupId> {
        let group = |at: u32| self.groups.get(at as usize);
        let is_it = |at: u32| group(at).is_some_and(|group| group.place == place && *group.name == *name);
        let position = self.by_name.find(self.hash(place, name), is_it)?;
        Some(GroupId { position, generation: group(position)?.generation })
    }

    /// How this member is subscribed.
    pub(super) fn subscription(&self, id: GroupId, session: SessionKey) -> Option<Subscription> {
        let group =
            self.groups.get(id.position as usize).filter(|group| group.generation == id.generation)?;
        let position = group.members.position(session)?;
        group.members.as_slice().get(position).map(|member| member.subscription)
    }

    /// The group's name and its members.
    pub(super) fn members(&self, id: GroupId) -> Option<(&str, &[Member])> {
        let group =
            self.groups.get(id.position as usize).filter(|group| group.generation == id.generation)?;
        Some((&*group.name, group.members.as_slice()))
    }

    #[cfg(test)]
    pub(super) fn member_count(&self, id: GroupId) -> usize {
        self.groups
            .get(id.position as usize)
            .filter(|group| group.generation == id.generation)
            .map_or(0, |group| group.members.len())
    }

    /// See [`Router::serve_group`](super::Router::serve_group).
    pub(super) fn serve(
        &mut self,
        id: GroupId,
        mut accept: impl FnMut(SessionKey, &Subscription) -> bool,
    ) -> bool {
        let Some(group) = self.get_mut(id) else {
            return false;
        };
        let next = group.next.min(group.members.len());
        let (served, waiting) = group.members.as_slice().split_at(next);
        let accepted =
            waiting.iter().chain(served).position(|member| accept(member.session, &member.subscription));
        if let Some(steps) = accepted {
            group.next = if steps < waiting.len() { next + steps + 1 } else { steps - waiting.len() + 1 };
        }
        accepted.is_some()
    }

    fn create(&mut self, place: Place, name: &str, subscribers: &mut Subscribers) -> GroupId {
        let entry = self.groups.vacant_entry();
        let id = GroupId { position: entry.key() as u32, generation: self.next_generation };
        self.next_generation = self.next_generation.wrapping_add(1);
        entry.insert(Group {
            generation: id.generation,
            name: name.into(),
            place,
            rank: subscribers.add_group(id) as u32,
            members: Members::default(),
            next: 0,
        });
        self.by_name.insert(self.hash(place, name), id.position);
        id
    }

    fn dissolve(&mut self, id: GroupId, subscribers: &mut Subscribers) {
        let group = self.groups.remove(id.position as usize);
        self.by_name.remove(self.hash(group.place, &group.name), id.position);
        if let Some(moved) = subscribers.remove_group(group.rank as usize).and_then(|id| self.get_mut(id)) {
            moved.rank = group.rank;
        }
    }

    fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut(id.position as usize).filter(|group| group.generation == id.generation)
    }

    fn hash(&self, place: Place, name: &str) -> u64 {
        let number = match place {
            Place::Exact(at) => at << 1,
            Place::Wild(at) => at << 1 | 1,
        };
        self.hasher.hash_in(number, name.as_bytes())
    }
}

impl Group {
    /// Removes the member at a position so that nobody else loses or gains a turn.
    fn remove(&mut self, mut position: usize) {
        if position < self.next {
            // The last of those who were served fills the gap, and the gap is then between the two parts.
            self.next -= 1;
            self.members.swap(position, self.next);
            position = self.next;
        }
        self.members.swap_remove(position);
    }
}
