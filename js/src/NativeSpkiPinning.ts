import { type CodegenTypes, type TurboModule, TurboModuleRegistry } from 'react-native';

/** What codegen makes the native interfaces of. The same as `NativePinning`; codegen wants it written out here. */
export interface Spec extends TurboModule {
  initialize(document: string): Promise<string>;
  disable(): Promise<void>;
  getStatus(): Promise<string>;
  update(): Promise<string>;
  verify(host: string, port: number): Promise<string>;
  watch(host: string): void;
  watched(): Promise<string>;
  setListening(listening: boolean): void;
  readonly onEvent: CodegenTypes.EventEmitter<string>;
}

export default TurboModuleRegistry.get<Spec>('SpkiPinning');
