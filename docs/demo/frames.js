// Frames from files: of pictures, or of a clip as the browser shows it.

const MOST = 17;  // frames of a clip
const PATIENCE = 15_000;  // ms without a new frame

/** Size in which a frame is used: as it is, or with its longest side as long as is allowed. */
function sized(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** The pixels of something that can be drawn. */
function pixels(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Two pictures, the second in the size of the first; times in seconds. */
export async function ofPictures(files, side) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const opened = await Promise.all(files.map((file) => createImageBitmap(file, options).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read`);
  })));
  const [width, height] = sized(opened[0].width, opened[0].height, side);
  return opened.map((bitmap, time) => ({ time, image: pixels(bitmap, width, height) }));
}

/** The first frames of a clip, an odd number of them. */
export async function ofClip(file, side, tell) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, src: URL.createObjectURL(file) });
  try {
    await new Promise((done, fail) => {
      video.onloadeddata = done;
      video.onerror = () => fail(new Error(`${file.name} is no video that this browser can play`));
    });
    const [width, height] = sized(video.videoWidth, video.videoHeight, side);
    video.playbackRate = 0.25;  // so that none is skipped
    const frames = await new Promise((done) => {
      const seen = [];
      let timer = setTimeout(() => done(seen), PATIENCE);
      const next = (_, { mediaTime }) => {
        if (!seen.length || mediaTime > seen.at(-1).time) {
          seen.push({ time: mediaTime, image: pixels(video, width, height) });
          tell(`${seen.length} frames read`, seen.length / MOST);
        }
        clearTimeout(timer);
        if (seen.length === MOST) return void done(seen);
        timer = setTimeout(() => done(seen), PATIENCE);
        video.requestVideoFrameCallback(next);
      };
      video.onended = () => done(seen);
      video.requestVideoFrameCallback(next);
      video.play();
    });
    video.pause();
    if (frames.length < 3) throw new Error(`${file.name} has ${frames.length} frames; three are needed`);
    return frames.slice(0, frames.length - 1 + (frames.length % 2));
  } finally {
    URL.revokeObjectURL(video.src);
  }
}
