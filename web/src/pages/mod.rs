//! Pages: what is seen together. There is one so far, the explorer.

mod explore;

pub use explore::{Explore, ExploreProps};
