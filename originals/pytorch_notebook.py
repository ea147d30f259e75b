"""Run the lines of the author's PyTorch notebook in their order, with no seed.

The code is from versions/2023/rnn/demo/rnn_mnist.ipynb in roatienza/Deep-Learning-Experiments,
commits f5b5a5c and 2da0bfc. At commit f5b5a5c, the line that applies `fc` is commented out. This
script applies `fc`, because training needs that line: the author changed the cell after the
training whose output is committed. Unlike the notebook, this script scales images once instead of
in each epoch, to the same numbers, and writes measurements.

`python pytorch_notebook.py MNIST.npz EPOCHS OUTPUT.json`
"""

import json
import platform
import sys
import time

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class RNN(nn.Module):
    """The notebook's network, which maps images (n, 1, 28, 28) to logits (n, 10)."""

    def __init__(self, input_size=28, hidden_size=256, num_layers=1, num_classes=10):
        """Make the layers; PyTorch draws their 75,786 initial weights."""
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        """Return the logits: apply `fc` to the output of `rnn` at the last timestep."""
        x = x.squeeze(1)
        y, _ = self.rnn(x)
        return self.fc(y[:, -1, :])


def scale(images: np.ndarray) -> torch.Tensor:
    """Scale uint8 images (n, 28, 28) to float32 from -1 to 1 (n, 1, 28, 28), like torchvision."""
    return (torch.tensor(images).unsqueeze(1).float().div(255) - 0.5) / 0.5


def main() -> None:
    """Train and test like the notebook, and count the test errors after each epoch.

    `loss` is the mean loss over an epoch's batches, as in the notebook. `accuracy` is the fraction
    of training images that are classified correctly. `loss` and `accuracy` are measured while the
    weights change, and measuring them draws no random numbers.
    """
    with np.load(sys.argv[1]) as mnist:
        x_train, x_test = scale(mnist["x_train"]), scale(mnist["x_test"])
        y_train, y_test = (torch.tensor(mnist[f"y_{part}"]).long() for part in ("train", "test"))

    batch_size = 64
    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=batch_size, shuffle=True)
    model = RNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    losses, accuracies, test_errors = [], [], []

    @torch.no_grad()
    def answer_test() -> torch.Tensor:
        return torch.cat([model(images) for images in x_test.split(1000)])

    start = time.perf_counter()
    model.train()
    for epoch in range(int(sys.argv[2])):
        total_loss, correct = 0, 0
        for images, labels in train_loader:
            outputs = model(images)
            loss = criterion(outputs, labels)

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            total_loss += loss.item()
            correct += (outputs.argmax(1) == labels).sum().item()
        losses.append(total_loss / len(train_loader))
        accuracies.append(correct / len(x_train))
        test_errors.append((answer_test().argmax(1) != y_test).sum().item())
        print(f"Epoch: {epoch + 1}, Loss: {losses[-1]:.4f}", flush=True)
    seconds = time.perf_counter() - start

    model.eval()
    print(f"Test Accuracy: {1 - test_errors[-1] / len(y_test):.4f}")
    measured = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_size": len(x_train),
        "loss": losses,
        "accuracy": accuracies,
        "test_errors": test_errors,
        "test_loss": criterion(answer_test(), y_test).item(),
        "seconds": seconds,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        json.dump(measured, file)


if __name__ == "__main__":
    main()
