/** Something that doctor has found out, and what to do about it. */
export interface Finding {
  /** `error`: connections are not pinned as meant, or the app does not start. `note`: nothing to act on. */
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  readonly suggestion: string | null;
}

export function error(code: string, message: string, suggestion: string): Finding {
  return { severity: 'error', code, message, suggestion };
}

export function warning(code: string, message: string, suggestion: string): Finding {
  return { severity: 'warning', code, message, suggestion };
}

export function note(code: string, message: string, suggestion: string | null = null): Finding {
  return { severity: 'note', code, message, suggestion };
}
