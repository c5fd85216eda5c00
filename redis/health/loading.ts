import type { RedisInfo } from '../client/info.ts';

export interface LoadingProgress {
  /** It loads and answers commands with -LOADING. */
  loading: boolean;
  /** It loads what its primary sends, and serves the old data meanwhile. */
  asyncLoading: boolean;
  loadedBytes?: number;
  totalBytes?: number;
  etaSeconds?: number;
  percent?: number;
}

/** How far a Redis is with loading its data, from INFO persistence. Numbers are there only while it loads. */
export function loadingProgress(info: RedisInfo): LoadingProgress {
  return {
    loading: info.flag('loading'),
    asyncLoading: info.flag('async_loading'),
    loadedBytes: info.number('loading_loaded_bytes'),
    totalBytes: info.number('loading_total_bytes'),
    etaSeconds: info.number('loading_eta_seconds'),
    percent: info.number('loading_loaded_perc'),
  };
}

export interface LastLoad {
  /** Absent where the server doesn't say (before 7.0). Any later synchronization overwrites it: pin it to `run_id`. */
  keysLoaded?: number;
  /** Keys that had expired and were left out: only a primary that loads dump.rdb does so. */
  keysExpired?: number;
}

/** What the last load of data brought, from INFO persistence. `loaded + expired` is the count of the file. */
export const lastLoad = (info: RedisInfo): LastLoad => ({
  keysLoaded: info.number('rdb_last_load_keys_loaded'),
  keysExpired: info.number('rdb_last_load_keys_expired'),
});
