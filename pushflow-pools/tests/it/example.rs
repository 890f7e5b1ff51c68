//! The example that is built in Rust, with its own functions.

#[expect(dead_code, reason = "the example's main function is not called here")]
#[path = "../../../examples/newton/main.rs"]
mod newton;

#[test]
fn newton_finds_the_square_root_of_two() {
    let (root, steps) = newton::square_root(2.0).unwrap();
    assert!((root - std::f64::consts::SQRT_2).abs() < 1e-12, "{root}");
    assert!((2..20).contains(&steps), "{steps}");
}
