"""Run the lines of the same author's PyTorch notebook in their order, with no seed.

The code is from versions/2023/rnn/demo/rnn_mnist.ipynb in roatienza/Deep-Learning-Experiments,
commits f5b5a5c and 2da0bfc. At f5b5a5c, the line that applies `fc` is commented out, but training
needs it: its cell was changed after the training whose output is committed. So this script applies
`fc`. Only two things differ: images are scaled once, to the same numbers, instead of in each epoch,
and measurements are made and written.

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
    """The notebook's network, from images (n, 1, 28, 28) to logits (n, 10)."""

    def __init__(self, input_size=28, hidden_size=256, num_layers=1, num_classes=10):
        """Make the layers, with 75,786 initial weights drawn by PyTorch."""
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        """Apply `fc` to the last output of `rnn`."""
        x = x.squeeze(1)
        y, _ = self.rnn(x)
        return self.fc(y[:, -1, :])


def scale(images: np.ndarray) -> torch.Tensor:
    """Return uint8 images as float32 from -1 to 1 (n, 1, 28, 28), like ToTensor and Normalize."""
    return (torch.tensor(images).unsqueeze(1).float().div(255) - 0.5) / 0.5


def main() -> None:
    """Train and test like the notebook; count test errors after each epoch.

    `loss` is the mean over an epoch's batches, as in the notebook. `accuracy` is the fraction of
    images that are classified correctly. Both are measured while the weights change, and draw no
    random numbers.
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
