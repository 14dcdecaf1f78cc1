//! Addresses of the kernel, as functions and lines of its sources.
//!
//! Place: whoever boots a kernel asks for the report of its panic; `bench` asks which sources
//! the instructions belong to that it counted.
//!
//! The kernel prints `panic: MESSAGE at FILE:LINE`, lines ` #N 0xADDRESS` and `kernel base
//! 0xADDRESS`. It is position independent, so the debug information of its ELF knows the
//! address minus the base.

use std::borrow::Cow;
use std::path::Path;
use std::{fmt::Write, fs};

use addr2line::{Context, gimli};
use anyhow::Result;
use object::{Object, ObjectSection};

type Reader<'a> = gimli::EndianSlice<'a, gimli::LittleEndian>;

/// A panic as the kernel printed it.
#[derive(Debug, PartialEq, Eq)]
struct Panic {
    message: String,
    /// Addresses of the code, innermost first, relative to the kernel's base: the instruction
    /// that trapped, or a place within a call, since the kernel has stepped back from the
    /// return addresses.
    addresses: Vec<u64>,
    /// The end of the trace, if it was on.
    last: String,
}

/// The last panic in the guest's output `log`, symbolized by `elf`; `None` if
/// there is none in it.
pub(crate) fn panic_report(log: &str, elf: &Path) -> Option<String> {
    let panic = find_panic(log)?;
    let frames = symbolize(&panic.addresses, elf)
        .unwrap_or_else(|why| format!("  (no symbols: {}: {why:#})\n", elf.display()));
    Some(format!("panic: {}\n{frames}{}", panic.message, panic.last))
}

fn find_panic(log: &str) -> Option<Panic> {
    let start = log.rfind("panic: ")?;
    let mut lines = log[start..].lines();
    let message = lines.next()?.strip_prefix("panic: ")?.trim().to_owned();
    let (mut addresses, mut base, mut last) = (Vec::new(), 0, String::new());
    for line in lines.map(str::trim) {
        if !last.is_empty() || line.starts_with("the last of the trace, ") {
            last = last + line + "\n";
        } else if let Some(address) = line.strip_prefix("kernel base ") {
            base = hexadecimal(address)?;
        } else if let Some((_, address)) = line.strip_prefix('#').and_then(|at| at.split_once(' '))
        {
            addresses.extend(hexadecimal(address));
        }
    }
    for address in &mut addresses {
        *address = address.wrapping_sub(base);
    }
    Some(Panic { message, addresses, last })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.split_whitespace().next()?.strip_prefix("0x")?, 16).ok()
}

/// One line for each address, and one for each function inlined there.
fn symbolize(addresses: &[u64], elf: &Path) -> Result<String> {
    with_debug_information(elf, |file, context| {
        let symbols = file.symbol_map();
        let mut text = String::new();
        for (number, &address) in addresses.iter().enumerate() {
            if !describe(&mut text, number, address, context)? {
                // Assembly has no debug information, but it has a name.
                let name = symbols.before(address).map_or("?", |symbol| symbol.name());
                let name = addr2line::demangle_auto(Cow::Borrowed(name), None);
                writeln!(text, "  {:>10} {name} ({address:#x})", format!("#{number}"))?;
            }
        }
        Ok(text)
    })
}

/// For each address, the files that its code is from: first that of the line itself, then
/// those of the functions into which that was inlined.
pub(crate) fn files(addresses: &[u64], elf: &Path) -> Result<Vec<Vec<String>>> {
    with_debug_information(elf, |_, context| {
        let files = |address: &u64| {
            let mut files = Vec::new();
            let mut frames = context.find_frames(*address).skip_all_loads()?;
            while let Some(frame) = frames.next()? {
                files.extend(frame.location.and_then(|at| at.file).map(str::to_owned));
            }
            Ok(files)
        };
        addresses.iter().map(files).collect()
    })
}

/// The address of the function whose name, without its hash, ends so.
pub(crate) fn function(name: &str, elf: &Path) -> Result<Option<u64>> {
    with_debug_information(elf, |file, _| {
        let symbols = file.symbol_map();
        let found = symbols.symbols().iter().find(|symbol| {
            addr2line::demangle_auto(Cow::Borrowed(symbol.name()), None).ends_with(name)
        });
        Ok(found.map(|symbol| symbol.address()))
    })
}

/// Reads what the ELF knows of its code.
fn with_debug_information<T>(
    elf: &Path,
    look: impl FnOnce(&object::File<'_>, &Context<Reader<'_>>) -> Result<T>,
) -> Result<T> {
    let data = fs::read(elf)?;
    let file = object::File::parse(&*data)?;
    let sections = gimli::DwarfSections::load(|id| -> Result<Cow<'_, [u8]>, object::Error> {
        let section = file.section_by_name(id.name());
        section.map_or(Ok(Cow::Borrowed(&[][..])), |section| section.uncompressed_data())
    })?;
    let dwarf = sections.borrow(|section| Reader::new(section, gimli::LittleEndian));
    look(&file, &Context::from_dwarf(dwarf)?)
}

/// Describes what is at `address`; false if the debug information knows nothing.
fn describe(
    text: &mut String,
    number: usize,
    address: u64,
    context: &Context<Reader<'_>>,
) -> Result<bool> {
    let mut frames = context.find_frames(address).skip_all_loads()?;
    let mut label = format!("#{number}");
    let mut found = false;
    while let Some(frame) = frames.next()? {
        let function = frame.function.as_ref().map(|function| function.demangle());
        let function = function.transpose()?.unwrap_or(Cow::Borrowed("?"));
        let place = frame.location.and_then(|at| Some((at.file?, at.line?)));
        let place = place.map_or("?".into(), |(file, line)| format!("{file}:{line}"));
        writeln!(text, "  {label:>10} {function}\n             at {place}")?;
        label = "inlined in".into();
        found = true;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "boot\r\npanic: index out of range at kernel/src/main.rs:7\r\n  \
        #0 0x10000001010\r\n  #1 0x10000002000\r\nkernel base 0x10000000000\r\n";

    #[test]
    fn addresses_are_relative_to_the_base_printed_after_them() {
        let panic = find_panic(LOG).unwrap();
        assert_eq!(panic.message, "index out of range at kernel/src/main.rs:7");
        assert_eq!(panic.addresses, [0x1010, 0x2000]);
    }

    #[test]
    fn the_last_panic_counts() {
        let twice = format!("panic: first\n  #0 0x1\n{LOG}");
        assert_eq!(find_panic(&twice), find_panic(LOG));
    }

    #[test]
    fn a_log_without_a_panic_has_none() {
        assert_eq!(find_panic("dmirror: ready\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own_function_is_found_by_its_first_instruction() {
        let elf = std::env::current_exe().unwrap();
        let here = our_own_function_is_found_by_its_first_instruction as fn() as usize;
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let base = u64::from_str_radix(maps.split('-').next().unwrap(), 16).unwrap();
        let address = here as u64 - base;
        let text = symbolize(&[address], &elf).unwrap();
        assert!(text.contains("our_own_function"), "{text}");
        let files = files(&[address], &elf).unwrap();
        assert!(files[0].last().unwrap().ends_with("symbolize.rs"), "{files:?}");
        let name = "our_own_function_is_found_by_its_first_instruction";
        assert_eq!(function(name, &elf).unwrap(), Some(address));
        assert_eq!(function("no such function", &elf).unwrap(), None);
    }
}
