import type { Stack } from './scenarios';

/** What a server has answered. */
export type Answer = {
  text: string;
  /** The URL of what can be looked at. */
  picture?: string;
};

/** A request by each stack. Rejects as the stack does, and so differently each time. */
export type Requests = Readonly<Record<Stack, (url: string) => Promise<Answer>>>;

export async function byFetch(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { text: `${response.status} ${(await response.text()).trim()}` };
}

export function byXmlHttpRequest(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.onload = () => resolve({ text: `${request.status} ${request.responseText.trim()}` });
    request.onerror = () => reject(new Error('XMLHttpRequest: the event "error"'));
    request.open('GET', url);
    request.send();
  });
}

/** Says something, and waits for the echo. */
export function byWebSocket(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send('hello');
    socket.onmessage = ({ data }) => {
      resolve({ text: `echo of ${data}` });
      socket.close();
    };
    socket.onerror = () => reject(new Error('WebSocket: the event "error"'));
    socket.onclose = ({ code }) => reject(new Error(`WebSocket: closed with code ${code}`));
  });
}

/** `load` is `Image.prefetch`, by which `<Image>` loads too. */
export function byImage(load: (url: string) => Promise<boolean>) {
  return async (url: string): Promise<Answer> => {
    // A picture that was allowed once would come out of the cache, without a connection that could be judged.
    const picture = `${url}?${Date.now()}`;
    await load(picture);
    return { text: 'a picture', picture };
  };
}
