"""The image sets by their names.

| set | source | images |
|---|---|---|
| mnist | LeCun, Bottou, Bengio & Haffner 1998 | digits, 28x28 |
| fashion_mnist | Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747 | articles of clothing, 28x28 |
| kmnist | Clanuwat et al. 2018, arXiv 1812.01718 | cursive Japanese characters, 28x28 |
| cifar10 | Krizhevsky 2009, technical report, University of Toronto | animals and vehicles, 32x32 in colour |
| digits | Alpaydin & Kaynak 1998, UCI Machine Learning Repository | digits, 8x8 |

Ten classes each, 10,000 images for the test and 60,000 (CIFAR-10: 50,000) to train on; of the digits 360 and 1,437.
"""

from typing import Literal

from seqmodels.datamodules.images.digits import DIGITS, BundledDigits
from seqmodels.datamodules.images.image_set import ImageSet
from seqmodels.datamodules.images.torchvision_sets import CIFARSet, IdxSet

ImageSetName = Literal["mnist", "fashion_mnist", "kmnist", "cifar10", "digits"]

MNIST_SHA256 = {  # of the unpacked files; torchvision knows the MD5 of the archives
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

CLOTHING = [
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
]

CHARACTERS = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]

OBJECTS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

SETS: dict[str, ImageSet] = {
    images.name: images
    for images in (
        IdxSet("mnist", "MNIST", (28, 28), DIGITS, "MNIST", MNIST_SHA256),
        IdxSet("fashion_mnist", "Fashion-MNIST", (28, 28), CLOTHING, "FashionMNIST"),
        IdxSet("kmnist", "KMNIST", (28, 28), CHARACTERS, "KMNIST"),
        CIFARSet("cifar10", "CIFAR-10", (32, 32, 3), OBJECTS, "CIFAR10"),
        BundledDigits("digits", "scikit-learn's digits", (8, 8), DIGITS),
    )
}
