import '@provider-access/process/without-fetch';

const { runService } = await import('@provider-access/process/run');
const { attributionService } = await import('./service.ts');
await runService(attributionService);
