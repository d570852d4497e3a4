// All that the page asks of its server; its address holds the token.
export const base = location.pathname;

export async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch {
    throw new Error("no answer: is `cradle review` still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error ?? answer.statusText);
  return content;
}

export const media = (clip, what) => `${base}media/${encodeURIComponent(clip)}/${what}`;
