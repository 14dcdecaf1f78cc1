//! `read`, `write`, `flush`, `discard`: one request, or a few, to one device.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bio::{Buf, Sectors, WriteCache};
use bytes::Bytes;
use dm::DeviceRef;
use shell::format::Elapsed;
use shell::hexdump::HexDump;
use shell::{Size, Span};

use super::print_lines;
use crate::console::job::Summary;
use crate::console::session::Session;
use crate::console::stream::{Reader, io_failure};
use crate::console::{Failure, Outcome, devices, plural};
use crate::kprintln;

/// Shows what a device holds; without a length, one block of it.
pub fn read(session: &mut Session<'_>, name: &str, offset: Size, length: Option<Size>) -> Outcome {
    let device = devices::open(session.dm, name)?;
    let block = Sectors::from_bytes(device.limits().block_size.into()).expect("whole sectors");
    let length = length.or(Size::from_sectors(block.0)).expect("a block is small");
    let extent = devices::extent(&device, offset, length)?;
    // No total, since a dump shows its own progress.
    session.job(Sectors::ZERO, |job| {
        let mut reader = Reader::new(&device, extent);
        let mut dump = HexDump::new(offset.bytes());
        while let Some((_, memory)) = reader.next(job)? {
            // Block by block, so that Ctrl-C stops a long dump where it is.
            for data in memory.chunks(block.bytes()) {
                let mut text = String::new();
                dump.push(data, &mut text);
                print_lines(&text);
                job.go_on()?;
            }
            job.recycle(memory);
        }
        let mut text = String::new();
        dump.finish(&mut text);
        print_lines(&text);
        Ok(())
    })?;
    Ok(())
}

/// Writes bytes, and zeroes up to the end of the last block.
pub fn write(session: &mut Session<'_>, name: &str, offset: Size, data: Vec<u8>) -> Outcome {
    let device = devices::open_for_writing(session.dm, name)?;
    let (given, mut data) = (data.len(), data);
    data.resize(given.next_multiple_of(device.limits().block_size as usize), 0);
    let length = Size::from_sectors(data.len() as u64 / shell::size::SECTOR_BYTES);
    let length = length.expect("what was typed is short");
    let extent = devices::extent(&device, offset, length)?;
    request(session, &device, Buf::write(extent, Bytes::from(data)))?;
    let zeroes = match length.bytes() - given as u64 {
        0 => String::new(),
        zeroes => format!(", then {zeroes} of zeroes"),
    };
    kprintln!("{name}: {}{zeroes} written at {:#x}", plural(given as u64, "byte"), offset.bytes());
    Ok(())
}

/// Makes acknowledged writes durable.
pub fn flush(session: &mut Session<'_>, name: &str) -> Outcome {
    let device = devices::open(session.dm, name)?;
    let took = request(session, &device, Buf::flush())?;
    match device.limits().write_cache {
        WriteCache::Volatile => kprintln!("{name}: flushed in {}", Elapsed(took.elapsed)),
        WriteCache::WriteThrough => kprintln!("{name}: each write is durable when it ends"),
        WriteCache::Unknown => {
            kprintln!("{name}: it knows no FLUSH, and promises nothing about what it has cached");
        }
    }
    Ok(())
}

/// Flushes a device and says nothing.
pub fn flush_quietly(session: &mut Session<'_>, device: &DeviceRef) -> Outcome {
    request(session, device, Buf::flush()).map(drop)
}

/// Tells a device that it need not keep a part of its contents.
pub fn discard(session: &mut Session<'_>, name: &str, span: Span) -> Outcome {
    let device = devices::open_for_writing(session.dm, name)?;
    let extent = devices::extent(&device, span.offset(), span.length())?;
    if !device.limits().discard {
        return Err(Failure::new(format!("`{name}` knows no discard"))
            .and(&format!("to overwrite it: `fill {name} OFFSET LENGTH 0`")));
    }
    let took = request(session, &device, Buf::freeblks(extent))?;
    kprintln!("{name}: discarded in {}", Elapsed(took.elapsed));
    Ok(())
}

/// One request.
fn request(session: &mut Session<'_>, device: &DeviceRef, buf: Buf) -> Result<Summary, Failure> {
    let (cmd, extent) = (buf.cmd(), buf.extent());
    session.job(Sectors::ZERO, |job| {
        let ticket = job.issue(device, buf);
        let (_, result) = job.wait(ticket)?;
        result.map_err(|error| io_failure(device, cmd, extent, error))
    })
}
