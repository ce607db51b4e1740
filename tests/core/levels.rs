//! Which instruction sets the tests ran on: a level that is missing is said aloud, and fails where it is required.

use std::io::Write;

use langevin_ib::simd::Level;

/// Names levels, separated by commas, without which the tests must fail.
const REQUIRED: &str = "LANGEVIN_REQUIRE_LEVELS";

#[test]
fn a_level_that_is_missing_here_is_reported_and_fails_if_required() {
    let required = std::env::var(REQUIRED).unwrap_or_default();
    let required: Vec<&str> = required.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    for name in &required {
        assert!(Level::NAMES.contains(name), "{REQUIRED} asks for {name:?}; levels are {:?}", Level::NAMES);
    }
    let missing: Vec<_> = Level::NAMES.into_iter().filter(|name| Level::named(name).is_none()).collect();
    for name in &missing {
        // Written to the stream itself: the test harness swallows what `eprintln!` says in a test that passes.
        writeln!(
            std::io::stderr(),
            "\n*** NOT TESTED: this machine lacks level {name}; no test of the core ran on it ***\n"
        )
        .expect("stderr can be written to");
    }
    let unmet: Vec<_> = missing.into_iter().filter(|name| required.contains(name)).collect();
    assert!(unmet.is_empty(), "{REQUIRED} lists levels that this machine lacks: {unmet:?}");
}

#[test]
fn levels_are_found_by_their_names_slowest_first() {
    let available = Level::available();
    assert_eq!(available.first().map(|level| level.name()), Some("portable"));
    assert!(available.is_sorted());
    assert_eq!(available.last(), Some(&Level::detect()));
    for level in available {
        assert_eq!(Level::named(level.name()), Some(level));
    }
    assert_eq!(Level::named("mmx"), None);
}
