import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import { h } from 'vue';
import NotFound from './NotFound.vue';
import TryIt from './TryIt.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, undefined, { 'not-found': () => h(NotFound) }),
  enhanceApp: ({ app }) => void app.component('TryIt', TryIt),
} satisfies Theme;
