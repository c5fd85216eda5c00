import type {
  Assessment,
  AuthenticationWatch,
  DataDecision,
  ServesAgain,
  SignInForecast,
  WarmupWatch,
} from '../model/recovery.ts';
import type { AuthenticationSource, WarmupSettings } from '../model/recovery-settings.ts';

interface Acted {
  instance: string;
  assessment: Assessment;
}

/** The steps of a recovery that are built elsewhere at this moment. */
export interface RecoverySteps {
  lookFromPlace(input: { instance: string }): Promise<object>;
  assessFailure(input: { instance: string; place?: object; overrides?: object }): Promise<Assessment>;
  detachReplicas(
    input: Acted,
  ): Promise<{ detached: { address: string; keys: number }[]; failed: { address: string; why: string }[] }>;
  promoteReplica(input: Acted): Promise<{ address: string; keys: number }>;
  setAside(input: Acted): Promise<{ directory: string; bytes: number }>;
  putBackAside(input: { instance: string; operationId: string }): Promise<void>;
  rebuildManifest(input: Acted): Promise<{ files: string[] }>;
  restartServer(input: Acted & { approved?: boolean }): Promise<{ beforeMs: number; skipped?: string }>;
  startEmpty(input: Acted): Promise<{ beforeMs: number }>;
  makePrimary(input: Acted): Promise<void>;
  killScript(input: Acted): Promise<void>;
  awaitServesAgain(input: { instance: string; sinceMs: number }): Promise<ServesAgain>;
  decideData(input: Acted): Promise<DataDecision>;
  forecastSignIns(input: Acted & { decision: DataDecision }): Promise<SignInForecast | undefined>;
  watchAuthentication(input: {
    instance: string;
    settings?: AuthenticationSource;
    begun: string;
    normalPerSecond?: number;
  }): Promise<AuthenticationWatch>;
  watchWarmup(input: { instance: string; settings: WarmupSettings; begun: string }): Promise<WarmupWatch>;
}
