"""How long a stage of training may take: by wall time, or, to compare runs on a busy machine, by steps."""

import math
import time


class Budget:
    """What is left of `--minutes` or `--steps`, and the learning rate that goes with it; wall time goes on where a resumed
    run stopped."""

    @staticmethod
    def add_arguments(parser, minutes):
        parser.add_argument("--minutes", type=float, default=minutes)
        parser.add_argument("--steps", type=int, help="instead of --minutes")

    def __init__(self, args, spent):
        self.steps, self.seconds, self.began = args.steps, args.minutes * 60, time.time() - spent

    def spent(self):
        return time.time() - self.began

    def done(self, step):
        return step / self.steps if self.steps else self.spent() / self.seconds

    def rate(self, step, floor):
        """Up over a hundred steps, then down along a cosine to `floor`."""
        return min(1.0, (step + 1) / 100) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * self.done(step))))
