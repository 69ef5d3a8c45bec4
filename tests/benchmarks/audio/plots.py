"""Pictures of what the figures say, as small PNG files."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from appliance.frames import RATE
from tests.benchmarks.audio.calls import Tally
from tests.benchmarks.audio.corpus import Samples, packaged
from tests.benchmarks.audio.engines import Kind, through
from tests.benchmarks.audio.metrics import aligned, erle_curve, latency
from tests.benchmarks.audio.scenes import PARTS, Rendered, rendered, scene, span

DPI = 100
COLOURS = 96
"""Of a file: what keeps a spectrogram small."""

EXCERPT = (18.0, 32.0)
"""Seconds of the spectrograms: playback alone, then double talk."""


def draw(folder: Path, seed: int, kinds: Sequence[Kind]) -> list[Path]:
    """Draw ERLE over time and spectrograms of one scene; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    sounds = rendered(scene(seed), packaged())
    outputs = {
        (kind.name if len(kind.taps) == 1 else f"{kind.name}, {tap} tap"): sound
        for kind in kinds
        for tap, sound in through(kind, sounds.microphones, sounds.reference).items()
    }
    return [
        _erle(sounds, outputs, folder / "echo-erle.png"),
        _spectrograms(sounds, outputs, folder / "echo-spectrograms.png"),
    ]


def _erle(sounds: Rendered, outputs: dict[str, Samples], file: Path) -> Path:
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    axes = figure.subplots()
    microphone = sounds.microphones[0] / 32768.0
    alone = span("person", 0.3, 0.5)
    for i, (name, output) in enumerate(outputs.items()):
        if name == "none":
            continue
        sound = output / 32768.0
        late = latency(sound[alone], sounds.person[0][alone])
        until = slice(0, round(PARTS["moved"][1] * RATE))
        curve = erle_curve(microphone[until], aligned(sound, late)[until])
        axes.plot(curve.times, curve.erle_db, label=name, color=f"C{i}", linewidth=1.0)
    begin, end = PARTS["both"]
    axes.axvspan(begin, end, color="0.9", label="somebody talks")
    axes.axvline(PARTS["moved"][0], color="0.5", linestyle=":", label="the box is moved")
    axes.set(
        xlabel="s",
        ylabel="ERLE, dB",
        ylim=(-5.0, 60.0),
        xlim=(0.0, PARTS["moved"][1]),
        title=f"Echo return loss enhancement, scene {sounds.scene.seed}",
    )
    axes.legend(fontsize=7, ncols=4, loc="lower center")
    axes.grid(visible=True, linewidth=0.3)
    return _saved(figure, file)


def _spectrograms(sounds: Rendered, outputs: dict[str, Samples], file: Path) -> Path:
    part = slice(round(EXCERPT[0] * RATE), round(EXCERPT[1] * RATE))
    shown: dict[str, Samples] = {"microphone": sounds.microphones[0][part]}
    shown |= {name: sound[part] for name, sound in outputs.items() if name != "none"}
    shown["the person alone"] = (sounds.person[0][part] * 32768.0).astype("int16")
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(9.0, 1.6 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes, (name, sound) in zip(grid.flat, shown.items(), strict=False):
        # dither, lest the logarithm of digital silence be taken
        axes.specgram(
            sound / 32768.0 + 1e-7, NFFT=512, Fs=RATE / 1000.0, noverlap=352, vmin=-110, vmax=-50,
            xextent=EXCERPT, cmap="magma",
        )  # fmt: skip
        axes.set_title(name, fontsize=8)
        axes.axvline(PARTS["both"][0], color="w", linewidth=0.5)
        axes.tick_params(labelsize=7)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("s; the person begins at the white line", fontsize=8)
    figure.supylabel("kHz", fontsize=8)
    return _saved(figure, file)


def bars(tallies: Sequence[Tally], title: str, file: Path) -> Path:
    """Draw how many calls each engine heard in each situation."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = list(dict.fromkeys(tally.cell for tally in tallies))
    engines = list(dict.fromkeys(tally.engine for tally in tallies))
    figure = Figure(figsize=(9.0, 3.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(engines)
    for i, engine in enumerate(engines):
        mine = [tally for tally in tallies if tally.engine == engine]
        places = [cells.index(tally.cell) + i * width for tally in mine]
        drawn = axes.bar(places, [100 * t.heard / t.calls for t in mine], width, label=engine)
        axes.bar_label(drawn, [f"{tally.heard}" for tally in mine], fontsize=7)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(cells))], cells, fontsize=8)
    axes.set(ylabel="heard, %", ylim=(0.0, 110.0), title=title)
    axes.legend(fontsize=7, ncols=len(engines), loc="lower right")
    return _saved(figure, file)


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file, dpi=DPI)
    with Image.open(file) as whole:
        small = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)
    return file
