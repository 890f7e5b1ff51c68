"""Finds the main frequency of a noisy signal, with numpy."""

import numpy


def measure(frequency, seconds=8.0, rate=4096, noise=0.5):
    """Makes a signal of one frequency, with noise that is the same each time."""
    time = numpy.arange(int(seconds * rate)) / rate
    random = numpy.random.default_rng(1)
    return numpy.sin(2 * numpy.pi * frequency * time) + noise * random.standard_normal(len(time))


def power(signal):
    """Returns the power at each frequency."""
    return numpy.abs(numpy.fft.rfft(signal)) ** 2


def spread(signal):
    """Returns how far the signal goes around its mean."""
    return float(numpy.round(signal.std(), 3))


def report(spectrum, deviation, seconds=8.0):
    """Says where the peak is."""
    return {"frequency": float(spectrum.argmax() / seconds), "deviation": deviation, "points": spectrum.size}
