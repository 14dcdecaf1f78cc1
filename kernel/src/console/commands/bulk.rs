//! `fill`, `verify`, `compare`, `copy`: transfers of any length.
//!
//! Each is a loop over the readers and writers of `stream`.

use bio::Extent;
use shell::{Pattern, Size, Span};

use super::difference::Differences;
use crate::console::session::Session;
use crate::console::stream::{Reader, Writer, chunks};
use crate::console::{Failure, Outcome, devices};
use crate::kprintln;

/// Writes a pattern.
pub fn fill(session: &mut Session<'_>, name: &str, span: Span, pattern: Pattern) -> Outcome {
    let device = devices::open_for_writing(session.dm, name)?;
    let extent = devices::extent(&device, span.offset(), span.length())?;
    let summary = session.job(extent.count(), |job| {
        let mut writer = Writer::new(&device);
        let issued = chunks(extent).try_for_each(|chunk| {
            job.go_on()?;
            let mut data = job.memory(chunk.count())?;
            pattern.fill(offset_of(chunk), &mut data);
            writer.write(job, chunk.start(), data)
        });
        writer.finish(job).and(issued)
    })?;
    kprintln!("{name}: filled {summary}");
    Ok(())
}

/// Checks that a device holds what `fill` wrote.
pub fn verify(session: &mut Session<'_>, name: &str, span: Span, pattern: Pattern) -> Outcome {
    let device = devices::open(session.dm, name)?;
    let extent = devices::extent(&device, span.offset(), span.length())?;
    let mut differences = Differences::new("expected", name);
    let summary = session.job(extent.count(), |job| {
        let mut reader = Reader::new(&device, extent);
        while let Some((chunk, found)) = reader.next(job)? {
            if pattern.first_difference(offset_of(chunk), &found).is_some() {
                let mut expected = job.memory(chunk.count())?;
                pattern.fill(offset_of(chunk), &mut expected);
                differences.note(job, offset_of(chunk), &expected, &found);
                job.recycle(expected);
            }
            job.recycle(found);
            job.advance(chunk.count());
        }
        Ok(())
    });
    kprintln!("{name}: verified {}", differences.conclude(summary)?);
    Ok(())
}

/// Says where two devices differ.
pub fn compare(session: &mut Session<'_>, left: &str, right: &str, span: Option<Span>) -> Outcome {
    let devices = [devices::open(session.dm, left)?, devices::open(session.dm, right)?];
    let [a, b] = &devices;
    let extent = match span {
        Some(span) => {
            devices::extent(a, span.offset(), span.length())?;
            devices::extent(b, span.offset(), span.length())?
        }
        None if a.capacity() != b.capacity() => return Err(unequal(left, right)),
        None => devices::rest(a, Size::ZERO)?,
    };
    let mut differences = Differences::new(left, right);
    let summary = session.job(extent.count(), |job| {
        let mut readers = [Reader::new(a, extent), Reader::new(b, extent)];
        let [on_a, on_b] = &mut readers;
        while let (Some((chunk, from_a)), Some((_, from_b))) = (on_a.next(job)?, on_b.next(job)?) {
            if from_a != from_b {
                differences.note(job, offset_of(chunk), &from_a, &from_b);
            }
            job.recycle(from_a);
            job.recycle(from_b);
            job.advance(chunk.count());
        }
        Ok(())
    });
    kprintln!("{left} and {right} are the same: {}", differences.conclude(summary)?);
    Ok(())
}

fn unequal(left: &str, right: &str) -> Failure {
    Failure::new(alloc::format!("`{left}` and `{right}` are not of the same size"))
        .and("say which part to compare: `compare DEV1 DEV2 OFFSET LENGTH`")
}

/// Copies a part of one device to another.
pub fn copy(
    session: &mut Session<'_>,
    (source, from): (&str, Size),
    (target, to): (&str, Size),
    length: Option<Size>,
) -> Outcome {
    if source == target {
        return Err(Failure::new(alloc::format!("`{source}` would be copied onto itself")));
    }
    let read = devices::open(session.dm, source)?;
    let written = devices::open_for_writing(session.dm, target)?;
    let extent = match length {
        Some(length) => devices::extent(&read, from, length)?,
        None => devices::rest(&read, from)?,
    };
    let length = Size::from_sectors(extent.count().0).expect("it fits the source");
    let place = devices::extent(&written, to, length)?;
    let summary = session.job(extent.count(), |job| {
        let mut reader = Reader::new(&read, extent);
        let mut writer = Writer::new(&written);
        let read = loop {
            match reader.next(job) {
                Ok(Some((chunk, data))) => {
                    writer.write(job, place.start() + (chunk.start() - extent.start()), data)?;
                }
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        // Data that were read are written even if the rest cannot be read.
        writer.finish(job).and(read)
    })?;
    kprintln!("{source} to {target}: copied {summary}");
    Ok(())
}

/// Where an extent starts, in bytes.
fn offset_of(extent: Extent) -> u64 {
    extent.start().0 * bio::SECTOR_SIZE as u64
}
