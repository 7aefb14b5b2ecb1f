//! What the command line offers for users and rules: `tabmq passwd`, `tabmq token` and `tabmq acl`.

mod acl;
mod passwd;
mod token;

pub use acl::{AclArgs, acl};
pub use passwd::{PasswdArgs, passwd};
pub use token::{TokenArgs, token};
