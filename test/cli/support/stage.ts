import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../../worker/workflow-bundle.ts';
import { OF_NOBODY } from '../../support/of-nobody.ts';
import { startTemporal, type TemporalOptions, type TemporalServer } from '../../support/temporal.ts';
import { openSite, type Site } from './command.ts';

/** What a stand-in of a workflow does. */
export type Play = (type: string, input: object) => Promise<object>;

/** A real Temporal, and stand-ins for the workflows whose part the test plays. */
export class Stage {
  readonly temporal: TemporalServer;
  readonly client: Client;
  /** Set it before the command runs. */
  play: Play = async () => {
    throw new Error('nothing is played');
  };
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;
  #connection: NativeConnection | undefined;

  private constructor(temporal: TemporalServer, client: Client) {
    this.temporal = temporal;
    this.client = client;
  }

  static async open(options: TemporalOptions = {}): Promise<Stage> {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    const temporal = await startTemporal(options);
    const stage = new Stage(temporal, await temporal.client());
    await stage.startWorker();
    return stage;
  }

  async startWorker(): Promise<void> {
    this.#connection ??= await NativeConnection.connect({ address: this.temporal.address });
    this.#worker = await Worker.create({
      connection: this.#connection,
      taskQueue: 'redis-ops',
      workflowBundle: await workflowBundle(fileURLToPath(new URL('stand-in-workflows.ts', import.meta.url))),
      activities: { play: (type: string, input: object) => this.play(type, input), ...OF_NOBODY },
      maxHeartbeatThrottleInterval: '100 milliseconds',
      shutdownForceTime: '1 second',
    });
    this.#running = this.#worker.run();
  }

  async stopWorker(): Promise<void> {
    if (this.#worker?.getState() === 'RUNNING') this.#worker.shutdown();
    await this.#running;
  }

  /** A configuration of these instances on this Temporal. */
  site(instances = '{ main: { url: redis://127.0.0.1:1 } }'): Promise<Site> {
    return openSite(`temporal: { address: "${this.temporal.address}" }\ninstances: ${instances}`);
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.#connection?.close();
    await this.temporal.stop();
  }
}

/** One stage for a describe, and a site on it; both end with it. */
export function useStage(): { readonly stage: Stage; readonly site: Site } {
  const opened: { stage?: Stage; site?: Site } = {};
  before(async () => {
    opened.stage = await Stage.open();
    opened.site = await opened.stage.site();
  });
  after(async () => {
    await opened.site?.[Symbol.asyncDispose]();
    await opened.stage?.close();
  });
  return opened as { stage: Stage; site: Site };
}
