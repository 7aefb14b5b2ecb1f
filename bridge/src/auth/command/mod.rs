//! What the command line offers for users and rules: `tabmq passwd` and `tabmq acl`.

mod acl;
mod passwd;

pub use acl::{AclArgs, acl};
pub use passwd::{PasswdArgs, passwd};
