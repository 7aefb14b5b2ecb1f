//! The page.
fn main() { tabmq_web::start(); }
