import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Variables } from '../templates/expression.ts'
import { TemplateFault } from '../templates/source.ts'
import { readTemplate, type Template } from '../templates/template.ts'
import { FileFault, readOwnFile } from './own-file.ts'

const SIGN_IN: Variables = { ProviderName: 'text', SignInMessage: 'html', StatusCode: 'number', CustomLogin: 'flag', Redirect: 'text', Alert: 'text', Version: 'text', ProxyPrefix: 'text', Footer: 'html', LogoData: 'html' }
const ERROR: Variables = { Title: 'text', Message: 'text', ProxyPrefix: 'text', StatusCode: 'number', Redirect: 'text', RequestID: 'text', Footer: 'html', Version: 'text' }

/** Pages of the operator; null: there is no such file. */
export interface TemplateFiles {
  readonly signIn: Template | null
  readonly error: Template | null
}

export const NO_TEMPLATES: TemplateFiles = { signIn: null, error: null }

/** Gathers what is wrong, a line each with its place. */
export interface Complaints {
  readonly problems: string[]
  readonly warnings: string[]
}

function readOne (folder: string, name: string, variables: Variables, { problems, warnings }: Complaints): Template | null {
  const path = join(folder, name)
  if (!existsSync(path)) return null
  try {
    const template = readTemplate(readOwnFile(path).toString('utf8'), name, variables)
    for (const { line, message } of template.warnings) warnings.push(`${path}:${line}: ${message}`)
    return template
  } catch (error) {
    if (error instanceof TemplateFault) problems.push(`${path}:${error.line}: ${error.message}`)
    else if (error instanceof FileFault) problems.push(`${path} ${error.message}`)
    else throw error
    return null
  }
}

/** `sign_in.html` and `error.html` of a folder, or one of them. */
export function readTemplateFiles (folder: string, complaints: Complaints): TemplateFiles {
  const files = { signIn: readOne(folder, 'sign_in.html', SIGN_IN, complaints), error: readOne(folder, 'error.html', ERROR, complaints) }
  if (complaints.problems.length === 0 && files.signIn === null && files.error === null && !existsSync(join(folder, 'robots.txt'))) complaints.problems.push(`${folder} has neither sign_in.html nor error.html`)
  return files
}
