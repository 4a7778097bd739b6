"""
Targets and metamers, side by side
==================================

**Question.** What does each kind of model leave free? The quickest answer is to look: the same photographs through
several front ends, textures through their statistics, and a photograph through a layer of a deep network.

Every pair below gives (nearly) the same response. The numbers say how nearly: the norm of the difference of the two
responses over that of the target's, and the same for noise with the target's power spectrum.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm


def metamer_of(image: torch.Tensor, model: torch.nn.Module, label: str, steps: int = 150) -> torch.Tensor:
    """Return a metamer of an image, and say how good it is."""
    metamer = mm.Metamer(image, model.eval())
    metamer.setup(seed=0)
    result = metamer.synthesize(steps, progress=False)
    error, unrelated = (float(result.figures[name]) for name in ("relative_error", "unrelated_error"))
    print(f"{label:>32}: {result.status[0]:<10} error {error:.1e}, unrelated {unrelated:.1e}")
    return metamer.metamer


# %%
# Photographs through front ends
# ------------------------------
#
# Each row begins with its target. The blur leaves all fine detail free, so the noise of the start stays; so does
# luminance gain control, whose fitted centre is 2 pixels wide. The linear-nonlinear model and the On and Off pathways
# have centres of half a pixel and less, and at this size leave nothing free that the eye would notice.

photographs = {name: mm.data.image(name, size=128) for name in ("camera", "coffee")}
front_ends = {
    "blur": mm.models.Gaussian((31, 31), std=3.0),
    "linear-nonlinear": mm.models.LinearNonlinear((31, 31), pretrained=True),
    "luminance gain": mm.models.LuminanceGainControl((31, 31), pretrained=True),
    "On, Off": mm.models.OnOff((31, 31), pretrained=True),
}
shown, labels = [], []
for name, image in photographs.items():
    shown.append(image)
    labels.append(name)
    for model_name, model in front_ends.items():
        shown.append(metamer_of(image, model, f"{name}, {model_name}"))
        labels.append(model_name)
fig = mm.plot.contact_sheet(torch.cat(shown), labels, columns=1 + len(front_ends), zoom=1, vrange=(0, 1))

# %%
# Textures through their statistics
# ---------------------------------
#
# The statistics of Portilla & Simoncelli (2000) are averages over the whole image, so position is free, and the
# metamer is another sample of the texture: targets above, metamers below. The cameraman, who is no texture, ends as
# one of coat and sky.

names = ("brick", "grass", "gravel", "camera")
targets = [mm.process.center_crop(mm.data.image(name, size=256), 128) for name in names[:3]]
targets.append(photographs["camera"])
statistics = mm.models.PortillaSimoncelli((128, 128), n_scales=3)
metamers = [
    metamer_of(image, statistics, f"{name}, statistics", 100) for name, image in zip(names, targets, strict=True)
]
fig = mm.plot.contact_sheet(torch.cat([*targets, *metamers]), [*names, *["metamer"] * 4], columns=4, zoom=1)

# %%
# A photograph through a deep network
# -----------------------------------
#
# Four depths of a ResNet-18 in colour. Its weights are random, for a page must not download any; trained ones are a
# matter of ``weights="DEFAULT"``. The first layer keeps the image; deeper ones leave more and more free, down to noise
# that agrees with the photograph in layer 3 to a few per cent. A hundred steps do not converge here, as the printed
# status says; the pictures hardly change any more.

try:
    from torchvision.models import resnet18
except ImportError:
    resnet18 = None
    print("torchvision is not installed: pip install 'metameric[deep]'")

if resnet18 is not None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet18(weights=None)
    coffee = mm.data.image("coffee", size=64, as_gray=False)
    layers = ("relu", "layer1", "layer2", "layer3")
    found = [metamer_of(coffee, mm.models.DeepNetFeatures(network, [name]), f"coffee, {name}", 100) for name in layers]
    sheet = torch.cat([coffee, *found])
    fig = mm.plot.contact_sheet(sheet, ["coffee", *layers], columns=5, zoom=2, as_rgb=True)

# %%
# The same for all models at their default settings is printed, and drawn, by
# ``python benchmarks/convergence.py --sheet sheet.png``.

plt.show()
