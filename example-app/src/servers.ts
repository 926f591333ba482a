/** What `npm run servers` writes to `servers/current.json`. */
export type Servers = {
  host: string;
  /** Another name of the same server, with pins of its own. */
  otherHost: string;
  port: number;
  /** A port on which nobody listens. */
  closedPort: number;
  /** Of the server's chain. */
  pins: { leaf: string; intermediate: string; root: string };
};
