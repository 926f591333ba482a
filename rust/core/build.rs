//! Packs `public_suffixes.txt` into a finite-state set: 9,000 rules in some 60 kB, exact, searched in place.
//! (The `psl` crate, which compiles the same list to code, would add 750 kB to every app.)

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // From the folder of a package that has these sources: rust/core, or rust/model beside it.
    let list = "../core/public_suffixes.txt";
    println!("cargo:rerun-if-changed={list}");
    println!("cargo:rerun-if-changed=../core/build.rs");
    let text = fs::read_to_string(list)?;
    // A single label is a public suffix without a rule that says so.
    let mut rules: Vec<&str> =
        text.lines().filter(|line| line.contains('.') && !line.starts_with('#')).collect();
    rules.sort_unstable();
    rules.dedup();
    let set = fst::Set::from_iter(rules)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("public_suffixes.fst"), set.as_fst().as_bytes())?;
    Ok(())
}
