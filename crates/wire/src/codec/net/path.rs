//! How fetches give way, on the wire.

use super::{DecodeError, Part, Reader, Writer};
use crate::net::{Course, Manners, Part as PathPart, Path};

const MANNERS: [Manners; 3] = [Manners::High, Manners::Normal, Manners::Low];

const COURSES: [Course; 7] = [
    Course::Taking,
    Course::Creeping,
    Course::Yielding,
    Course::Halved,
    Course::Looking,
    Course::Alarmed,
    Course::Tethered,
];

/// A number from 1: the place in the list.
fn put<T: PartialEq>(all: &[T], one: &T, to: &mut Writer) {
    let place = all.iter().position(|other| other == one).unwrap_or(all.len());
    u8::try_from(place + 1).unwrap_or(0).put(to);
}

fn get<T: Copy>(all: &[T], from: &mut Reader<'_>) -> Result<T, DecodeError> {
    let place = usize::from(from.get::<u8>()?).checked_sub(1);
    place.and_then(|place| all.get(place)).copied().ok_or(DecodeError::UnknownNumber)
}

impl Part for Manners {
    fn put(&self, to: &mut Writer) {
        put(&MANNERS, self, to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get(&MANNERS, from)
    }
}

impl Part for Course {
    fn put(&self, to: &mut Writer) {
        put(&COURSES, self, to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get(&COURSES, from)
    }
}

impl Part for PathPart {
    fn put(&self, to: &mut Writer) {
        self.weight.put(to);
        self.place.put(to);
        self.of.put(to);
        self.window.put(to);
        self.rate.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            weight: from.get()?,
            place: from.get()?,
            of: from.get()?,
            window: from.get()?,
            rate: from.get()?,
        })
    }
}

impl Part for Path {
    fn put(&self, to: &mut Writer) {
        self.manners.put(to);
        self.course.put(to);
        self.connections.put(to);
        self.window.put(to);
        self.rate.put(to);
        self.base_us.put(to);
        self.queue_us.put(to);
        self.target_us.put(to);
        self.card.put(to);
        self.echoes.put(to);
        self.remembered_us.put(to);
        self.share.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            manners: from.get()?,
            course: from.get()?,
            connections: from.get()?,
            window: from.get()?,
            rate: from.get()?,
            base_us: from.get()?,
            queue_us: from.get()?,
            target_us: from.get()?,
            card: from.get()?,
            echoes: from.get()?,
            remembered_us: from.get()?,
            share: from.get()?,
        })
    }
}
