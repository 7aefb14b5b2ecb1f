//! The page's entry point.

fn main() {
    tabmq_web::start();
}
