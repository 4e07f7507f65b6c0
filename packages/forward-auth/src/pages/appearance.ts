import { resolve } from 'node:path'
import { trustHtml, type Html } from 'fastify-oidc'
import type { OptionProblem } from 'fastify-oidc-session-store'
import type { ForwardAuthSettings } from '../options.ts'
import { DEFAULT_LOGO, readLogo } from './logo.ts'
import { FileFault } from './own-file.ts'
import { NO_TEMPLATES, readTemplateFiles, type TemplateFiles } from './template-files.ts'

/** What an operator has made of the pages. */
export interface Appearance {
  readonly logo: Html | null
  /** null: the page's own text; empty: none. */
  readonly banner: Html | null
  readonly footer: Html | null
  /** Pictures of the operator's may be on a page. */
  readonly pictures: boolean
  /** As it was written. */
  readonly footerOption: string
  readonly templates: TemplateFiles
}

/** What the files say, once. */
export interface AppearanceRead {
  readonly appearance: Appearance
  readonly problems: readonly OptionProblem[]
  readonly warnings: readonly string[]
}

type Settings = Pick<ForwardAuthSettings, 'custom_sign_in_logo' | 'banner' | 'footer' | 'custom_templates_dir'>

const NONE = '-'
const ADDRESS = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i

function logoOf (option: string | undefined, problems: OptionProblem[]): Html | null {
  if (option === undefined) return DEFAULT_LOGO
  if (option === NONE) return null
  const path = ['custom_sign_in_logo']
  if (ADDRESS.test(option)) {
    problems.push({ path, message: 'is an address, and the page loads nothing from elsewhere: save the picture and write its path' })
    return null
  }
  try {
    return readLogo(resolve(option))
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    problems.push({ path, message: error.message })
    return null
  }
}

/** Reads the files that the options name. */
export function readAppearance ({ custom_sign_in_logo: logoOption, banner, footer, custom_templates_dir: folder }: Settings): AppearanceRead {
  const problems: OptionProblem[] = []
  const complaints = { problems: [] as string[], warnings: [] as string[] }
  const appearance = {
    logo: logoOf(logoOption, problems),
    banner: banner === undefined ? null : trustHtml(banner === NONE ? '' : banner),
    footer: footer === undefined || footer === NONE || footer === '' ? null : trustHtml(footer),
    pictures: logoOption !== undefined || banner !== undefined || footer !== undefined,
    footerOption: footer ?? '',
    templates: folder === undefined ? NO_TEMPLATES : readTemplateFiles(resolve(folder), complaints)
  }
  for (const message of complaints.problems) problems.push({ path: ['custom_templates_dir'], message: `does not hold: ${message}` })
  return { appearance, problems, warnings: complaints.warnings }
}
