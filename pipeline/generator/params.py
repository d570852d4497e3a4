"""What params.yaml may say about audio features, training and evaluation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveInt, field_validator, model_validator

from pipeline.core.params import Params

FeatureName = Literal["logmel", "voc2vec"]


class Features(Params):
    """How sound becomes one row of numbers a video frame."""

    backend: FeatureName = "logmel"
    """Which encoder turns the infant's stem into features: logmel, embedded bands with pitch and an
    envelope, or voc2vec, the one that models/weights.lock names, which needs transformers."""
    layer: int | Literal["mix"] = -1
    """Of voc2vec: a layer by its number, 0 before the first and -1 after the last, or mix, of which
    the generator learns the shares. The others have none."""


class Network(Params):
    """Size and reach of the diffusion transformer."""

    layers: int = Field(3, ge=1, le=24)
    """Transformer blocks."""
    width: int = Field(96, ge=8, le=1024)
    """Numbers a frame is carried in; a multiple of twice `heads`."""
    heads: int = Field(4, ge=1, le=16)
    """Attention heads."""
    habits: int = Field(8, ge=1, le=256)
    """Numbers that identity and age are put into before they tell of a face: few of them, or
    infants are learned by heart."""
    look_back_frames: int = Field(8, ge=0, le=300)
    """How far into the past of the sound a frame may look."""
    look_ahead_frames: int = Field(5, ge=0, le=300)
    """How far into the future of the sound a frame may look."""
    memory_frames: int = Field(40, ge=1, le=1000)
    """How many frames of the face, itself among them, a frame may look at; what makes a stream of
    any length cost the same. No more than `window_frames` is ever learned from."""
    causal: bool = True
    """Whether a frame sees nothing of the face after itself; else as much as before, and nothing
    can be generated while it still sounds."""
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of activations set to zero while training."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no multiple of twice {self.heads} heads")
        return self


class Weights(Params):
    """Weight of every term of the training loss; 0 leaves a term out."""

    latent: float = Field(1.0, ge=0.0)
    """Squared error of the whitened expression latents."""
    latent_velocity: float = Field(0.2, ge=0.0)
    """Squared error of the latents' change from frame to frame."""
    lips: float = Field(0.1, ge=0.0)
    """Squared distance of lip vertices, mm2."""
    lips_velocity: float = Field(0.02, ge=0.0)
    """Squared distance of the lip vertices' change from frame to frame, mm2."""
    aperture_dtw: float = Field(0.02, ge=0.0)
    """Soft-DTW divergence of the mouth's aperture, mm2 a frame."""
    mouth_closed: float = Field(0.1, ge=0.0)
    """Binary cross-entropy of the mouth being closed."""
    gap: float = Field(0.3, ge=0.0)
    """Distance, not squared, of the way from lip to lip, mm: a mouth that opens now and then
    without a sound is no reason to hold it ajar in every silence."""
    guess: float = Field(1.0, ge=0.0)
    """Squared error of the latents that are guessed by the sound alone, before any noise is
    seen."""
    guess_lips: float = Field(0.1, ge=0.0)
    """Squared distance of the lip vertices of that guess, mm2."""
    guess_gap: float = Field(0.1, ge=0.0)
    """Distance, not squared, of the way from lip to lip in that guess, mm."""


def _different(spacing: list[int]) -> list[int]:
    # Parts of one spacing are one and the same, and too strong together.
    if len(set(spacing)) < len(spacing):
        raise ValueError(f"{spacing} should differ from one another")
    return spacing


NoiseSpacing = Annotated[list[PositiveInt], Field(min_length=1), AfterValidator(_different)]


class Distil(Params):
    """Progressive distillation of the trained generator to few steps."""

    steps: int = Field(0, ge=0, le=500)
    """DDIM steps of the generator that is saved, 2 or more; 0 leaves it as trained, to be asked for
    any number. A distilled one is always sampled in these."""
    from_steps: int = Field(9, ge=3, le=1000)
    """DDIM steps of its first teacher. Of n - 1 ways from one level to the next every two become
    one, until there are `steps`: 9, 5, 3, 2. What its steps cost a teacher costs its pupils."""
    batches: int = Field(200, ge=1)
    """Batches to learn from, each halving."""
    learning_rate: float = Field(5e-4, gt=0.0)
    """Of AdamW at its highest."""

    @model_validator(mode="after")
    def _halves(self) -> Self:
        ways = {((self.steps - 1) << n) + 1 for n in range(1, 10)}
        if self.steps and self.from_steps not in ways:
            raise ValueError(
                f"from {self.from_steps} steps no halving comes to {self.steps}; "
                f"{self.steps} steps want {2 * self.steps - 1} or {4 * self.steps - 3}, say"
            )
        return self


class Train(Params):
    """How the generator is trained."""

    seed: int = Field(0, ge=0)
    """Of weights, batches, noise and dropout."""
    threads: int = Field(1, ge=1, le=64)
    """CPU threads; fixed, because sums in another order give other bytes. At this size more of
    them mostly wait for one another."""
    network: Network = Network()
    ear_steps: int = Field(0, ge=0)
    """Batches that the guess by the sound alone learns from before the rest does, each a third of
    the price; it stays as it is then. With hundreds of infants, twice `steps`; few infants are
    learned by heart by the ear itself."""
    steps: int = Field(150, ge=0)
    """Batches that all of it learns from."""
    batch_spans: int = Field(32, ge=1)
    """Windows in a batch; many short ones tell more than few long ones."""
    accumulate: int = Field(1, ge=1)
    """Parts that a batch goes through the network in, one after another, where memory does not hold
    it whole; it is the same batch, and the same step."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's sums while training: auto takes bfloat16 on a GPU and float32 elsewhere.
    Weights, losses and the morphable model are float32 in any case."""
    window_frames: int = Field(40, ge=8)
    """Length of a window; a shorter span is padded."""
    learning_rate: float = Field(2e-3, gt=0.0)
    """Of AdamW at its highest."""
    matrix_learning_rate: float = Field(1e-2, ge=0.0)
    """Of Muon at its highest, which moves the matrices between layers; 0 leaves them to AdamW."""
    warmup_steps: int = Field(50, ge=0)
    """Over which the learning rate rises; it falls along a cosine afterwards."""
    weight_decay: float = Field(0.01, ge=0.0)
    """Of AdamW."""
    ema_decay: float = Field(0.99, ge=0.0, lt=1.0)
    """Of the running mean of the weights, which is what is saved."""
    noise_levels: int = Field(1000, ge=2)
    """Levels of the cosine noise schedule."""
    noise_floor: float = Field(0.5, ge=0.0, lt=1.0)
    """Share of the noise levels that sampling never goes below. What is left there is averaged out:
    made up, it would be noise that the latents still carry as much as a face."""
    noise_spacing: NoiseSpacing = Field([4, 12, 36, 108])
    """How many frames apart the draws of each part of the noise are, between which it bends slowly;
    all parts are as strong. One of 1 is new every frame, as is common, and makes a face tremble."""
    noise_tilt: float = Field(0.5, gt=0.0, le=10.0)
    """How much more often high levels are learned from than low ones: 1 not at all, 2 in
    proportion to their height, below 1 less often. What is taken from the sound is learned at the
    high ones, unless the ear has learned it before; how a sample ends, at the low ones."""
    drop_sound: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of windows that learn without sound, for guidance."""
    drop_identity: float = Field(0.5, ge=0.0, lt=1.0)
    """Share of windows that learn without identity and age; high, because few infants are soon
    told apart and learned by heart."""
    drop_vocalization: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of windows that learn without the vocalization."""
    sparse_habits: float = Field(0.005, ge=0.0)
    """Price of each number of identity and age by how much habits hang on it (group lasso, Yuan &
    Lin 2006): those that tell nothing of habits are let go, or infants are learned by heart."""
    filter_fit_noise: bool = True
    """Whether what is noise by its frequency is taken out of the latents that are learned from, or
    samples tremble as fits do; what the ear learns before is not filtered."""
    jitter: float = Field(0.7, ge=0.0, le=3.0)
    """Noise added to what is given besides the latents, in their own standard deviations: to the
    sound half by window, half by frame, and to identity and age by window. With few infants to
    learn from, it keeps them from being learned by heart."""
    weights: Weights = Weights()
    distil: Distil = Distil()
    dtw_gamma: float = Field(1.0, gt=0.0)
    """Softness of the soft-DTW, mm2."""
    closed_mm: float = Field(2.0, gt=0.0)
    """A mouth whose aperture is below this is closed."""
    closed_softness_mm: float = Field(0.5, gt=0.0)
    """Width of the step from closed to open that the loss sees."""
    whitening_floor: float = Field(0.4, gt=0.0, le=1.0)
    """Smallest spread a latent is divided by, as a share of the largest: what hardly moves is
    mostly the fit's noise, and should not be learned as if it were expression."""
    validate_every_steps: int = Field(100, ge=1)
    """How often the validation loss is taken and the best weights are kept."""
    validation_levels: int = Field(4, ge=1)
    """Noise levels, evenly spread, over which the validation loss is a mean."""
    patience: int = Field(20, ge=1)
    """Validations in a row without a lower loss after which training stops."""

    @model_validator(mode="after")
    def _parts_are_not_empty(self) -> Self:
        if self.accumulate > self.batch_spans:
            raise ValueError(
                f"accumulate {self.accumulate} is more parts than the {self.batch_spans} windows "
                f"of a batch"
            )
        return self


PeerName = Literal["faceformer", "codetalker", "imitator"]


class Peers(Params):
    """Published models to train and judge beside the generator."""

    methods: list[PeerName] = Field([])
    """Which: faceformer, codetalker, imitator; each costs as long as a short training."""
    steps: int = Field(300, ge=1)
    """Batches that each learns from; CodeTalker's prior learns from as many before."""
    batch_spans: int = Field(32, ge=1)
    """Windows in a batch."""
    window_frames: int = Field(40, ge=8)
    """Length of a window."""
    learning_rate: float = Field(2e-3, gt=0.0)
    """Of Adam at its highest."""
    width: int = Field(64, ge=8, le=1024, multiple_of=4)
    """Numbers a frame is carried in, a multiple of their 4 attention heads."""
    whitening_floor: float = Field(0.4, gt=0.0, le=1.0)
    """Smallest spread a latent is divided by, as a share of the largest."""


class Evaluate(Params):
    """How the generator is judged on the test split."""

    seeds: list[int] = Field([0, 1, 2], min_length=1)
    """Of the noise that samples begin from; every metric is given for each."""
    threads: int = Field(1, ge=1, le=64)
    """CPU threads."""
    sample_steps: int = Field(3, ge=1, le=1000)
    """DDIM steps a sample takes: few stay nearer to the mean of what may go with a sound. A
    generator that was distilled takes its own."""
    guidance: float = Field(1.0, ge=0.0, le=10.0)
    """How far to push from what is guessed without sound; 1 takes the model at its word."""
    temperature: float = Field(0.75, ge=0.0, le=2.0)
    """Of the noise that samples begin from: the lower, the nearer to the mean they stay, and the
    less varied. At 0.75 they have been three quarters as varied as true faces of one sound."""
    samples: int = Field(10, ge=2, le=100)
    """Samples of each sound, beside those of `seeds`, that variety, the best and the mean are taken
    of."""
    known_s: float = Field(20.0, ge=0.0, le=600.0)
    """Seconds at most of an infant's other test spans, by which what is called familiar knows its
    manner; 0 for nothing of it."""
    closed_mm: float = Field(2.0, gt=0.0)
    """A mouth whose aperture is below this is closed."""
    ridge: float = Field(1.0, gt=0.0)
    """Penalty of the baseline that goes from the sound's energy to latents."""
    ridge_reach_frames: int = Field(6, ge=0, le=60)
    """How far to either side that baseline looks."""
    retrieval_frames: int = Field(15, ge=1, le=300)
    """Length of the windows that the baseline looks up by their sound."""
    peers: Peers = Peers()
    adult: str = ""
    """Folder of what a model of adults made of the test clips' sounds on FLAME's mesh, a file
    CLIP.npy each, judged beside the others; empty for none."""
    videos: int = Field(3, ge=0)
    """Side-by-side videos to draw."""
    plotted_spans: int = Field(4, ge=0)
    """Spans whose aperture goes into the plot."""

    @field_validator("seeds")
    @classmethod
    def _once_each(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("every seed once")
        return seeds
