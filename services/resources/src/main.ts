import '@provider-access/process/without-fetch';

const { runService } = await import('@provider-access/process/run');
const { resourcesService } = await import('./service.ts');
await runService(resourcesService);
