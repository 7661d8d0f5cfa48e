import { standaloneFaults } from './standalone.ts';

standaloneFaults();
